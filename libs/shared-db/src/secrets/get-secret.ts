import { readFile } from 'node:fs/promises';
import { CodedError } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import { stripLineBreak } from './file-provider.js';
import { secretsFromEnv } from './secrets-from-env.js';
import type { Secrets } from './secrets.js';

let shared: Secrets | undefined;

/** The chain of this process, opened from its environment at first use. */
export function processSecrets(): Secrets {
  shared ??= secretsFromEnv(process.env);
  return shared;
}

/**
 * A secret by name: first through the chain of this process, then from the environment variable `envVar` or the file that
 * `<envVar>_FILE` names. There is no default value: a missing secret is NotFound, a provider that fails is an error.
 */
export async function getSecret(name: string, envVar?: string): Promise<Secret> {
  try {
    return await processSecrets().get(name);
  } catch (error) {
    if (envVar === undefined || !(error instanceof CodedError) || error.code !== 'NotFound') throw error;
    const value = process.env[envVar];
    if (value) return new Secret(value);
    const file = process.env[`${envVar}_FILE`];
    if (file) return readSecretFile(`${envVar}_FILE`, file);
    throw new CodedError('NotFound', `${error.message}, and ${envVar} is not set either`, {
      details: { secret: name },
    });
  }
}

/** Reads the file that a variable names. The file must exist: a mistyped path is not an empty password. */
export async function readSecretFile(variable: string, file: string): Promise<Secret> {
  try {
    return new Secret(stripLineBreak(await readFile(file, 'utf8')));
  } catch (error) {
    throw new CodedError('NotFound', `${variable} names ${file}, which cannot be read`, { cause: error });
  }
}

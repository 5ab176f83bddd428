import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import type { SecretProvider } from './provider.js';

const DEFAULT_DIRECTORY = '/run/secrets';

/** Options of {@link fileSecrets}. */
export interface FileSecretsOptions {
  /** The directory with one file per secret. Default: `/run/secrets`. */
  readonly directory?: string;
}

/** Secrets in files, as Docker and Kubernetes mount them: one file per name, one trailing line break is not part of it. */
export function fileSecrets({ directory = DEFAULT_DIRECTORY }: FileSecretsOptions = {}): SecretProvider {
  const fileOf = (name: string): string => path.join(directory, name);
  return {
    name: 'file',
    whereIs: fileOf,
    async read(name) {
      // A name is never a path out of the directory, whatever an input says.
      if (path.isAbsolute(name) || name.split(/[\\/]/).some((part) => part === '..' || part === '')) return undefined;
      try {
        return stripLineBreak(await readFile(fileOf(name), 'utf8'));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw new CodedError(
          'UpstreamFailed',
          `The secret file ${fileOf(name)} cannot be read (${code ?? 'unknown error'}); check its mode and owner`,
          { cause: error, retryable: false },
        );
      }
    },
  };
}

/** Editors and `echo` end a file with a line break that nobody means to be part of the secret. */
export function stripLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}

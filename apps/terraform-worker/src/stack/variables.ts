import { writeFile } from 'node:fs/promises';
import { replaceSecretRefs, secretNamesIn } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';

/** Gives the value of a secret by its name. Throws NotFound. */
export type ReadSecret = (name: string) => Promise<string>;

/** Replaces secret references by their values, and registers each value with the masker first. */
export async function resolveVariables(
  vars: Readonly<Record<string, unknown>>,
  readSecret: ReadSecret,
  masker: Masker,
): Promise<Record<string, unknown>> {
  const values = new Map<string, string>();
  for (const name of secretNamesIn(vars)) {
    const value = await readSecret(name);
    masker.add(value);
    values.set(name, value);
  }
  return Object.fromEntries(
    Object.entries(vars).map(([key, value]) => [key, replaceSecretRefs(value, (name) => values.get(name))]),
  );
}

/**
 * Writes variables to a file that only this user can read. A file, because the environment is handed on to providers
 * and provisioners, and arguments are seen by every user of the machine.
 */
export async function writeVariables(file: string, vars: Readonly<Record<string, unknown>>): Promise<void> {
  await writeFile(file, JSON.stringify(vars), { mode: 0o600 });
}

import { replaceSecretRefs, secretNamesIn } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';

/** Where the worker gets secrets from; `secretsFromEnv` of shared-db gives one. */
export interface SecretSource {
  get(name: string): Promise<{ reveal(): string }>;
}

/**
 * A copy of a value in which each secret reference is replaced by the secret, which is registered for masking first.
 * @throws CodedError NotFound for a name that no provider knows
 */
export async function resolveSecrets<T>(value: T, secrets: SecretSource, masker: Masker): Promise<T> {
  const values = new Map<string, string>();
  for (const name of secretNamesIn(value)) {
    const secret = (await secrets.get(name)).reveal();
    masker.add(secret);
    values.set(name, secret);
  }
  return replaceSecretRefs(value, (name) => values.get(name)) as T;
}

import { z } from 'zod';

/** A secret as it travels: its name only. The worker resolves it at the moment of use. */
export const secretRefSchema = z
  .strictObject({ $secret: z.string().min(1) })
  .meta({ description: 'A reference to a secret by name, resolved by the worker at the moment of use' });

export type SecretRef = z.output<typeof secretRefSchema>;

/** Whether a value is a secret reference. */
export function isSecretRef(value: unknown): value is SecretRef {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === 1 &&
    typeof (value as Record<string, unknown>)['$secret'] === 'string'
  );
}

/** The names of all secret references in a value, each once. */
export function secretNamesIn(value: unknown): string[] {
  if (isSecretRef(value)) return [value.$secret];
  if (typeof value !== 'object' || value === null) return [];
  return [...new Set(Object.values(value).flatMap(secretNamesIn))];
}

/** A copy of a value in which every secret reference is replaced by what `resolve` gives for its name. */
export function replaceSecretRefs(value: unknown, resolve: (name: string) => unknown): unknown {
  if (isSecretRef(value)) return resolve(value.$secret);
  if (Array.isArray(value)) return value.map((item) => replaceSecretRefs(item, resolve));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceSecretRefs(item, resolve)]));
}

import { z } from 'zod';

/**
 * Accepts the spellings that callers of older scripts use, and turns them into the canonical field names.
 * A field given in both spellings is left as it is, so that the strict schema behind it names the extra one.
 */
export function withSpellings<S extends z.ZodType>(
  schema: S,
  spellings: Readonly<Record<string, string>>,
  bare?: string,
) {
  return z.preprocess((value) => {
    if (bare !== undefined && typeof value === 'string') return { [bare]: value };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const given = value as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(given).map(([key, item]) => {
        const canonical = spellings[key];
        return canonical !== undefined && !Object.hasOwn(given, canonical) ? [canonical, item] : [key, item];
      }),
    );
  }, schema);
}

/** A list, or one item for a list of one. */
export function oneOrMany<S extends z.ZodType>(item: S) {
  return z.union([z.array(item), item.transform((one) => [one])]) as unknown as z.ZodType<
    z.output<S>[],
    z.input<S> | z.input<S>[]
  >;
}

/** A path as callers write it: not empty, no NUL byte. Where it may point is the worker's decision. */
export const pathSchema = z
  .string()
  .min(1, 'must not be empty')
  .refine((path) => !path.includes('\0'), 'must not hold a NUL byte');

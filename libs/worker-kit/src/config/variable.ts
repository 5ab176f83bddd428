import { z } from 'zod';
import { durationSchema } from '@switchyard/contracts';

/** One environment variable of a worker: how it is named, parsed and explained. */
export interface Variable<T = unknown> {
  readonly name: `SWITCHYARD_${string}`;
  /** Parses the text; undefined stands for a variable that is not set or empty. */
  readonly schema: z.ZodType<T, string | undefined>;
  /** What it sets, in one or two sentences. */
  readonly description: string;
  /** The default as one would write it; absent when there is none. */
  readonly default?: string;
  /** Whether the value must never be shown. Default false. */
  readonly secret?: boolean;
  /** Whether `<name>_FILE` may name a file with the value. Default: for secrets. */
  readonly fileForm?: boolean;
}

/** Variables by the names under which the code reads their values. */
export type Variables = Readonly<Record<string, Variable>>;

/** For workers that add none. */
export const NO_VARIABLES = {} as const satisfies Variables;

/** The parsed values of these variables. */
export type Values<V extends Variables> = {
  readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never;
};

const text = z.string().optional();

/** Texts of environment variables and what they are parsed to; each accepts undefined. */
export const parsers = {
  text,
  /** A whole number in a range. */
  integer: (min: number, max: number) =>
    text.transform((value, ctx) => {
      if (value === undefined) return undefined;
      const number = Number(value);
      if (/^\d+$/.test(value) && number >= min && number <= max) return number;
      ctx.addIssue({ code: 'custom', message: `"${value}" is not a whole number from ${min} to ${max}` });
      return z.NEVER;
    }),
  /** Milliseconds of a duration such as `30s`. */
  duration: text.transform((value, ctx) => {
    if (value === undefined) return undefined;
    const parsed = durationSchema.safeParse(/^\d+$/.test(value) ? Number(value) : value);
    if (parsed.success) return parsed.data;
    for (const { message } of parsed.error.issues) ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  }),
  /** `true` or `false`. */
  boolean: text.transform((value, ctx) => {
    if (value === undefined || value === 'false') return false;
    if (value === 'true') return true;
    ctx.addIssue({ code: 'custom', message: `"${value}" is neither true nor false` });
    return z.NEVER;
  }),
  /** A list whose entries a character separates; empty entries are dropped. */
  list: (separator: string) =>
    text.transform((value) =>
      value
        ?.split(separator)
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    ),
  /** One of some words. */
  oneOf: <const T extends readonly [string, ...string[]]>(words: T) =>
    text.transform((value, ctx): T[number] | undefined => {
      if (value === undefined || words.includes(value)) return value;
      ctx.addIssue({ code: 'custom', message: `"${value}" is none of ${words.join(', ')}` });
      return z.NEVER;
    }),
};

import { z } from 'zod';
import type { AskedRule } from './rules.js';

/** What one rule says of a plan. */
export interface Said {
  readonly rule: AskedRule;
  readonly message: string;
  /** The object that it is about, where the rule tells. */
  readonly address: string | null;
}

/** What all rules say, as far as it can be told. */
export interface Verdict {
  readonly said: readonly Said[];
  /** How many more refusals and warnings there are. */
  readonly more: { readonly refusals: number; readonly warnings: number };
}

/** What is said goes into events and workflow history. */
const MOST_SAID = 100;
const LONGEST_MESSAGE = 500;

const sayingSchema = z.union([
  z.string().transform((msg) => ({ msg, address: null })),
  z.looseObject({ msg: z.string(), address: z.string().nullable().default(null).catch(null) }),
]);

/**
 * Reads the answer to a verdict query: a text, or an object with `msg`, per element of each set.
 * @param hide takes out what is secret; before anything is cut, since half of a secret is not recognised
 * @throws Error for an answer that is none: nothing may pass because it could not be read
 */
export function readVerdict(value: unknown, rules: readonly AskedRule[], hide: (text: string) => string): Verdict {
  const answers = z.record(z.string(), z.array(z.unknown())).parse(value);
  const said = rules.flatMap((rule): Said[] => {
    const answer = answers[rule.name];
    if (answer === undefined) throw new Error(`${rule.name} gave no answer`);
    return answer.map((one) => {
      const saying = sayingSchema.safeParse(one);
      if (!saying.success) throw new Error(`${rule.name} gave something that is neither a text nor an object with msg`);
      return { rule, message: saying.data.msg, address: saying.data.address };
    });
  });
  const shown = (some: readonly Said[]): Said[] =>
    some.slice(0, MOST_SAID).map(({ rule, message, address }) => ({
      rule,
      message: cut(hide(message)),
      address: address === null ? null : cut(hide(address)),
    }));
  const refusals = said.filter(({ rule }) => rule.refuses);
  const warnings = said.filter(({ rule }) => !rule.refuses);
  return {
    said: [...shown(refusals), ...shown(warnings)],
    more: {
      refusals: Math.max(0, refusals.length - MOST_SAID),
      warnings: Math.max(0, warnings.length - MOST_SAID),
    },
  };
}

const cut = (text: string): string => (text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}...` : text);

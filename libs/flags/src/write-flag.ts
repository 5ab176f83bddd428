import { flagDefinitionSchema, type FlagDefinition } from './definition.js';

/** Variants of the write flag of a schema change, and the value that each gives, in the order of the change. */
const VALUES = { old: 'old', both: 'both', 'both-prefer-new': 'both', new: 'new' } as const;

/**
 * How far the writers of a schema change have come. Both variants of the value `both` have writers fill both shapes;
 * they tell a reader which one is right where the two differ: with `both` the old one, since some writer may still
 * leave the new one to the stream; with `both-prefer-new` the new one, since some writer may already leave the old one.
 */
export type WriteVariant = keyof typeof VALUES;

/** The flag that tells every writer what to fill: value `old`, `both` or `new`. */
export const writeFlag = (variant: WriteVariant): FlagDefinition =>
  flagDefinitionSchema.parse({ kind: 'string', variants: VALUES, defaultVariant: variant });

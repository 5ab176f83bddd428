import type { Key } from '../sql/ranges.js';

/** A change as a source reports it: keys only. What the row holds is read when it is applied. */
export type RowChange =
  | { readonly kind: 'insert' | 'delete'; readonly key: Key }
  | {
      readonly kind: 'update';
      readonly key: Key;
      /** Present when the update changed the key. */ readonly oldKey?: Key;
    }
  | { readonly kind: 'truncate' };

/** What a run of changes comes to. */
export interface Coalesced {
  /** Whether the table was emptied: everything that the keys do not name is to be removed from a new table. */
  readonly truncated: boolean;
  /** Each key once, in one fixed order. */
  readonly keys: readonly Key[];
  /** Changes that were taken in. */
  readonly changes: number;
}

/**
 * Reduces changes to the keys to re-derive. Order, repetition and age of the changes make no difference, because
 * every key is derived from what its row holds then. A truncate voids the keys before it.
 */
export function coalesce(changes: Iterable<RowChange>): Coalesced {
  const keys = new Map<string, Key>();
  let truncated = false;
  let count = 0;
  for (const change of changes) {
    count += 1;
    if (change.kind === 'truncate') {
      truncated = true;
      keys.clear();
      continue;
    }
    keys.set(identityOf(change.key), change.key);
    if (change.kind === 'update' && change.oldKey) keys.set(identityOf(change.oldKey), change.oldKey);
  }
  return { truncated, keys: [...keys.values()].toSorted(compareKeys), changes: count };
}

/** A text that is the same for the same key alone: ["a,b"] and ["a", "b"] differ. */
export const identityOf = (key: Key): string => (key.length === 1 ? (key[0] ?? '') : JSON.stringify(key));

/**
 * The fixed order of keys: numbers by value, other text by code unit. It need not be the order of the database; it
 * must only be the same for every worker, so that two of them take their row locks in the same order.
 */
export function compareKeys(a: Key, b: Key): number {
  for (const [i, left] of a.entries()) {
    const order = compareValues(left, b[i] ?? '');
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const WHOLE = /^-?\d+$/;

function compareValues(a: string, b: string): number {
  if (WHOLE.test(a) && WHOLE.test(b)) {
    const [left, right] = a.length < 16 && b.length < 16 ? [Number(a), Number(b)] : [BigInt(a), BigInt(b)];
    if (left !== right) return left < right ? -1 : 1;
  } else if (WHOLE.test(a) !== WHOLE.test(b)) {
    // Whole numbers before the rest, or the order would not be one: "10" < "9a" < "9" < "10".
    return WHOLE.test(a) ? -1 : 1;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Cuts keys into batches of at most `size`, keeping their order. */
export function batchesOf(keys: readonly Key[], size: number): readonly (readonly Key[])[] {
  const step = Math.max(1, Math.floor(size));
  return Array.from({ length: Math.ceil(keys.length / step) }, (_, i) => keys.slice(i * step, (i + 1) * step));
}

/** Halves a batch that failed, to find the key that made it fail; a batch of one is the poison itself. */
export function halves(keys: readonly Key[]): readonly (readonly Key[])[] {
  return keys.length < 2 ? [] : batchesOf(keys, Math.ceil(keys.length / 2));
}

import { MAX_RESULT_CHARS } from '../result-size.js';

/** What became of one item of a forEach. */
export interface ItemResult {
  readonly index: number;
  /** The key of the item in a map; absent for a list. */
  readonly key?: string;
  readonly item: unknown;
  readonly outcome: 'successful' | 'failed' | 'skipped';
  readonly result: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The result of a step with forEach. */
export interface ItemsResult {
  readonly items: readonly ItemResult[];
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly total: number;
  /** `results`: the results of successful items were left out; `items`: only failed items are listed. */
  readonly trimmed?: 'results' | 'items';
}

/** What a fan-out came to. */
export interface ItemsEnding {
  readonly results: readonly ItemResult[];
  /** Whether a chunk had to leave results out already. */
  readonly isLean: boolean;
}

/** Sums up items in their order, and leaves out what does not fit: first results of good items, then good items. */
export function aggregate({ results, isLean }: ItemsEnding, most: number = MAX_RESULT_CHARS): ItemsResult {
  const items = results.toSorted((a, b) => a.index - b.index);
  const count = (outcome: ItemResult['outcome']): number => items.filter((one) => one.outcome === outcome).length;
  const sums = {
    succeeded: count('successful'),
    failed: count('failed'),
    skipped: count('skipped'),
    total: items.length,
  };
  if (fits(items, most)) return { items, ...sums, ...(isLean ? { trimmed: 'results' } : {}) };
  const lean = items.map((one) => (one.outcome === 'successful' ? { ...one, result: null } : one));
  if (fits(lean, most)) return { items: lean, ...sums, trimmed: 'results' };
  const failed = items.filter((one) => one.outcome === 'failed').map((one) => ({ ...one, result: null }));
  return { items: firstThatFit(failed, most), ...sums, trimmed: 'items' };
}

const fits = (items: readonly unknown[], most: number): boolean => JSON.stringify(items).length <= most;

function firstThatFit(items: readonly ItemResult[], most: number): readonly ItemResult[] {
  let left = most;
  return items.filter((one) => {
    left -= JSON.stringify(one).length + 1;
    return left >= 0;
  });
}

/** What a chunk tells its run of one item; the run knows the item itself. */
export type ChunkItem = Omit<ItemResult, 'item'>;

/** Result of RunbookItemsWorkflow. */
export interface ChunkResult {
  readonly items: readonly ChunkItem[];
  /** Whether results were left out. */
  readonly isLean: boolean;
}

/** Characters of an error message in a chunk that is short of room. */
const SHORT_MESSAGE = 300;

/** The results of a chunk, made to fit: first without the results of good items, then without all results. */
export function chunkResult(results: readonly ItemResult[], most: number): ChunkResult {
  const items = results.map(withoutItem);
  if (fits(items, most)) return { items, isLean: false };
  const lean = items.map((one) => (one.outcome === 'successful' ? { ...one, result: null } : one));
  if (fits(lean, most)) return { items: lean, isLean: true };
  const bare = items.map((one) => ({
    ...one,
    result: null,
    ...(one.error ? { error: { ...one.error, message: one.error.message.slice(0, SHORT_MESSAGE) } } : {}),
  }));
  return { items: bare, isLean: true };
}

function withoutItem(result: ItemResult): ChunkItem {
  const { index, key, outcome, result: given, error } = result;
  return { index, ...(key === undefined ? {} : { key }), outcome, result: given, ...(error ? { error } : {}) };
}

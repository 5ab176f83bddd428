import { CodedError } from '@switchyard/contracts';

/** One item of a forEach. */
export interface StepItem {
  readonly index: number;
  /** The key of a map; of a list the position as text. */
  readonly key: string;
  readonly item: unknown;
}

/** More items than this are refused: their outcomes alone would not fit into one result. */
export const MAX_ITEMS = 20_000;

/**
 * The items of an evaluated forEach: of a list its elements, of a map its values in the order of the map.
 * @throws CodedError InvalidInput when it is neither, or too long
 */
export function itemsOf(value: unknown, where: string): readonly StepItem[] {
  if (typeof value !== 'object' || value === null) {
    throw new CodedError(
      'InvalidInput',
      `${where}: forEach gives ${JSON.stringify(value) ?? 'nothing'}, but it must be a list or a map`,
    );
  }
  const entries = Array.isArray(value)
    ? value.map((item, i): [string, unknown] => [String(i), item])
    : Object.entries(value);
  if (entries.length > MAX_ITEMS) {
    throw new CodedError(
      'InvalidInput',
      `${where}: forEach gives ${entries.length} items, and ${MAX_ITEMS} is the most; split the list`,
    );
  }
  return entries.map(([key, item], index) => ({ index, key, item }));
}

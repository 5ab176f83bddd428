import { quoteLiteral, quoteName } from '../identifiers.js';
import type { Shape } from './shape.js';
import { statement, wholeNumber, type Statement } from './statement.js';

/** The values of one key, as text, in the order of the key. */
export type Key = readonly string[];

/** Pages `from` (included) to `to` (excluded) of a table. */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

/** Keys above `after` up to and with `upTo`; null: no bound. Ranges that follow each other leave no gap. */
export interface KeyRange {
  readonly after: Key | null;
  readonly upTo: Key | null;
}

export type Side = 'source' | 'target';

/** `ctid` between two literal bounds: the planner takes a Tid Range Scan, which reads exactly these pages. */
export function inPages({ from, to }: PageRange): string {
  const page = (n: number): string => `'(${wholeNumber(n, 'page')},0)'::tid`;
  return `ctid >= ${page(from)} and ctid < ${page(to)}`;
}

/** The key between two literal bounds; `true` without any. */
export function inKeys(shape: Shape, side: Side, { after, upTo }: KeyRange): string {
  const bounds = [
    after && `${keyRow(shape, side)} > ${keyLiteral(shape, after)}`,
    upTo && `${keyRow(shape, side)} <= ${keyLiteral(shape, upTo)}`,
  ];
  return bounds.filter((bound) => bound !== null).join(' and ') || 'true';
}

/** The columns of the key: `"id"`, or `("a", "b")`. */
export function keyRow(shape: Shape, side: Side, alias?: string): string {
  const names = keyNames(shape, side, alias);
  return names.length === 1 ? names.join('') : `(${names.join(', ')})`;
}

/** The columns of the key, each as SQL text. */
export function keyNames(shape: Shape, side: Side, alias?: string): string[] {
  return shape.key.map((column) => (alias === undefined ? '' : `${alias}.`) + quoteName(column[side]));
}

function keyLiteral(shape: Shape, key: Key): string {
  const values = shape.key.map(({ type }, i) => `cast(${quoteLiteral(valueAt(key, i))} as ${type})`);
  return values.length === 1 ? values.join('') : `(${values.join(', ')})`;
}

function valueAt(key: Key, i: number): string {
  const value = key[i];
  if (value === undefined) throw new TypeError(`the key ${JSON.stringify(key)} has too few values`);
  return value;
}

/**
 * The key is one of those in the parameters from `$first` on. One column is compared with an array, which takes
 * the index however many keys there are; several columns need the settings of `applySettings` for that.
 */
export function isOneOf(
  shape: Shape,
  side: Side,
  options: { readonly alias?: string; readonly first?: number } = {},
): string {
  const first = options.first ?? 1;
  const row = keyRow(shape, side, options.alias);
  const [only, ...more] = shape.key;
  if (only && more.length === 0) return `${row} = any($${first}::${only.type}[])`;
  const arrays = shape.key.map((_, i) => `$${first + i}::text[]`).join(', ');
  const names = shape.key.map((_, i) => `"_sy_u${i}"`);
  const values = shape.key.map(({ type }, i) => `cast(u.${names[i]} as ${type})`).join(', ');
  return `${row} in (select ${values} from unnest(${arrays}) as u(${names.join(', ')}))`;
}

/** Keys as the values for {@link isOneOf}: one array for each column. */
export function keyValues(shape: Shape, keys: readonly Key[]): readonly (readonly string[])[] {
  return shape.key.map((_, i) => keys.map((key) => valueAt(key, i)));
}

/** The key that ends a range of `size` rows after `after`; no row: the table ends before, and the range has no end. */
export function nextKey(
  shape: Shape,
  options: { readonly after: Key | null; readonly size: number; readonly side?: Side },
): Statement {
  const side = options.side ?? 'source';
  const names = keyNames(shape, side);
  const table = side === 'source' ? shape.source : shape.target;
  return statement(
    `select array[${names.map((name) => `${name}::text`).join(', ')}] as key
    from ${quoteName(table.schema)}.${quoteName(table.name)}
    where ${inKeys(shape, side, { after: options.after, upTo: null })}
    order by ${names.join(', ')}
    offset ${Math.max(0, wholeNumber(options.size, 'size') - 1)} limit 1`,
  );
}

import { quoteName } from '../identifiers.js';
import type { Relation, Shape, ShapeColumn } from './shape.js';

const TEXT = /^(text|varchar|character varying)(\s*\(\s*\d+\s*\))?$/;
const PLAIN =
  /^(smallint|int2|integer|int|int4|bigint|int8|boolean|bool|uuid|date|bytea|oid|(timestamp|time)(\s*\(\s*\d\s*\))?( without time zone)?|timestamptz(\s*\(\s*\d\s*\))?|timestamp(\s*\(\s*\d\s*\))? with time zone)$/;

/**
 * SQL that is true when two values of a type are not the very same value. NULL equals NULL.
 *
 * `=` is not enough: it calls 1.0 and 1.00 equal, `30 days` and `1 month`, `ABC` and `abc` in citext, and a change
 * from one to the other would be lost. json and xml have no `=` at all. So the stored bytes are compared, cheaply
 * where equality of the type means the same bytes.
 */
export function differs(left: string, right: string, type: string): string {
  const name = type.trim().toLowerCase();
  if (TEXT.test(name)) return `${left} collate "C" is distinct from ${right} collate "C"`;
  if (PLAIN.test(name)) return `${left} is distinct from ${right}`;
  return `not record_image_eq(row(${left}), row(${right}))`;
}

/** Where the four values of the relation are found in a statement. */
export interface Sides {
  /** The new column as stored. */
  readonly stored: (column: ShapeColumn, i: number) => string;
  /** f(old), of the type of the new column. */
  readonly derived: (column: ShapeColumn, i: number) => string;
  /** The old column as stored. */
  readonly old: (column: ShapeColumn, i: number) => string;
  /** g(new), of the type of the old column. */
  readonly back: (column: ShapeColumn, i: number) => string;
}

/** SQL that is true when f(old) is not the new shape. */
export function forwardDiffers(shape: Shape, sides: Pick<Sides, 'stored' | 'derived'>): string {
  return anyOf(
    shape.columns.map((column, i) => differs(sides.stored(column, i), sides.derived(column, i), column.type)),
  );
}

/** SQL that is true when g(new) is not the old shape. Never true-by-default: without `reverse` it must not be asked. */
export function reverseDiffers(shape: Shape, sides: Pick<Sides, 'old' | 'back'>): string {
  return anyOf(shape.reverse.map((column, i) => differs(sides.old(column, i), sides.back(column, i), column.type)));
}

/** SQL that is true when the relation does not hold for a row. */
export function inconsistent(shape: Shape, relation: Relation, sides: Sides): string {
  const forward = forwardDiffers(shape, sides);
  if (!usesReverse(shape, relation)) return forward;
  const reverse = [reverseDiffers(shape, sides)];
  if (relation === 'filled') reverse.push(`num_nonnulls(${shape.columns.map(sides.stored).join(', ')}) = 0`);
  return `(${forward}) and (${anyOf(reverse)})`;
}

/** Whether g takes part: a change that takes nothing away has no g. */
export function usesReverse(shape: Shape, relation: Relation): boolean {
  return relation !== 'derived' && shape.reverse.length > 0;
}

/** An expression as a value of its column's type. */
export const cast = (expression: string, type: string): string => `cast((${expression}) as ${type})`;

/** The sides of a change within one row: every expression stands as it was written. */
export const SAME_ROW: Sides = {
  stored: ({ name }) => quoteName(name),
  derived: ({ expression, type }) => cast(expression, type),
  old: ({ name }) => quoteName(name),
  back: ({ expression, type }) => cast(expression, type),
};

export const anyOf = (conditions: readonly string[]): string =>
  conditions.length ? conditions.join('\nor ') : 'false';

import { quoteName, quoteTable } from '../identifiers.js';
import { cast, forwardDiffers, inconsistent, reverseDiffers, SAME_ROW, usesReverse, type Sides } from './compare.js';
import { inKeys, isOneOf, keyNames, keyValues, type Key, type KeyRange, type Side } from './ranges.js';
import type { Relation, Shape } from './shape.js';
import { statement, wholeNumber, type Statement } from './statement.js';

/** Counts the rows of a key range, and those for which the relation does not hold. One snapshot; reads only. */
export function parityOfRange(shape: Shape, relation: Relation, range: KeyRange): Statement {
  const { from, wrong } = compared(shape, relation, (side) => inKeys(shape, side, range));
  return statement(
    `select count(*)::text as rows, (count(*) filter (where ${wrong}))::text as differing
    from ${from}`,
  );
}

/** The first keys of a range for which the relation does not hold: what a person looks at, and what is mended. */
export function differingKeys(shape: Shape, relation: Relation, range: KeyRange, limit: number): Statement {
  const { from, wrong, key } = compared(shape, relation, (side) => inKeys(shape, side, range));
  return statement(
    `select array[${key.map((column) => `(${column})::text`).join(', ')}] as key
    from ${from}
    where ${wrong}
    order by ${key.join(', ')}
    limit ${wholeNumber(limit, 'limit')}`,
  );
}

/** Which of some keys the relation does not hold for: looked at again after a barrier, because a change may have been on its way. */
export function differingAmong(shape: Shape, relation: Relation, keys: readonly Key[]): Statement {
  const { from, wrong, key } = compared(shape, relation, (side) => isOneOf(shape, side));
  return statement(
    `select array[${key.map((column) => `(${column})::text`).join(', ')}] as key
    from ${from}
    where ${wrong}`,
    keyValues(shape, keys),
  );
}

/** Keys of rows whose new column would be NULL though the spec says that it never is; looked at before anything is made. */
export function nullResults(shape: Shape, column: string, limit: number): Statement {
  const wanted = shape.columns.find(({ name }) => name === column);
  if (!wanted) throw new TypeError(`"${column}" is not a new column`);
  const names = keyNames(shape, 'source');
  return statement(
    `select array[${names.map((name) => `${name}::text`).join(', ')}] as key
    from ${quoteTable(shape.source)}
    where ${cast(wanted.expression, wanted.type)} is null${shape.where === null ? '' : ` and (${shape.where})`}
    limit ${wholeNumber(limit, 'limit')}`,
  );
}

interface Compared {
  readonly from: string;
  readonly wrong: string;
  readonly key: readonly string[];
}

/** SQL that limits a side to the rows that are looked at. */
type Among = (side: Side) => string;

function compared(shape: Shape, relation: Relation, among: Among): Compared {
  if (shape.sameRow) {
    return {
      from: `(select * from ${quoteTable(shape.source)} where ${among('source')}) as "_sy_r"`,
      wrong: inconsistent(shape, relation, SAME_ROW),
      key: keyNames(shape, 'source'),
    };
  }
  const forward = `(s."_sy_w" is true) is distinct from (t."_sy_t0" is not null)
    or (s."_sy_w" is true and (${forwardDiffers(shape, JOINED)}))`;
  // A missing new row counts as NULL in every column; a missing old row cannot be right.
  const missing = relation === 'filled' ? `s."_sy_k0" is null or t."_sy_t0" is null` : `s."_sy_k0" is null`;
  const wrong = usesReverse(shape, relation)
    ? `(${forward}) and (${missing} or ${reverseDiffers(shape, JOINED)})`
    : forward;
  const on = shape.key.map((_, i) => `s."_sy_k${i}" = t."_sy_t${i}"`).join(' and ');
  return {
    from: `${sourceSide(shape, among)} full join ${targetSide(shape, among)} on ${on}`,
    wrong: `(${wrong})`,
    key: shape.key.map((_, i) => `coalesce(s."_sy_k${i}", t."_sy_t${i}")`),
  };
}

const JOINED: Sides = {
  stored: (_, i) => `t."_sy_n${i}"`,
  derived: (_, i) => `s."_sy_f${i}"`,
  old: (_, i) => `s."_sy_o${i}"`,
  back: (_, i) => `t."_sy_g${i}"`,
};

function sourceSide(shape: Shape, among: Among): string {
  const columns = [
    ...shape.key.map(({ source }, i) => `${quoteName(source)} as "_sy_k${i}"`),
    ...shape.columns.map(({ expression, type }, i) => `${cast(expression, type)} as "_sy_f${i}"`),
    ...shape.reverse.map(({ name }, i) => `${quoteName(name)} as "_sy_o${i}"`),
    `${shape.where === null ? 'true' : `(${shape.where})`} as "_sy_w"`,
  ];
  return `(select ${columns.join(', ')} from ${quoteTable(shape.source)} where ${among('source')}) as s`;
}

function targetSide(shape: Shape, among: Among): string {
  const columns = [
    ...shape.key.map(({ target }, i) => `${quoteName(target)} as "_sy_t${i}"`),
    ...shape.columns.map(({ name }, i) => `${quoteName(name)} as "_sy_n${i}"`),
    ...shape.reverse.map(({ expression, type }, i) => `${cast(expression, type)} as "_sy_g${i}"`),
  ];
  return `(select ${columns.join(', ')} from ${quoteTable(shape.target)} where ${among('target')}) as t`;
}

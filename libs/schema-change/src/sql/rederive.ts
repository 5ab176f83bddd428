import { quoteName, quoteNames, quoteTable } from '../identifiers.js';
import { cast, forwardDiffers, inconsistent, reverseDiffers, SAME_ROW, usesReverse, type Sides } from './compare.js';
import { isOneOf, keyNames, keyValues, type Key } from './ranges.js';
import type { Relation, Shape } from './shape.js';
import { statement, type Statement } from './statement.js';

/** A batch of changed keys. A row that changed its key brings both keys. */
export interface Batch {
  /** Which side is mended where the relation does not hold. */
  readonly direction: 'forward' | 'reverse';
  readonly relation: Relation;
  /** In one fixed order, so that two writers meet their locks in the same order. */
  readonly keys: readonly Key[];
}

/** The statements that bring a batch of keys to what the rows hold now, to be run in one transaction, in order. */
export function rederive(shape: Shape, batch: Batch): readonly Statement[] {
  if (batch.direction === 'reverse') {
    if (shape.reverse.length === 0) return [];
    return shape.sameRow
      ? [mendOldColumns(shape, batch)]
      : [mendOldFromTarget(shape, batch), clearOldWithoutTarget(shape, batch)];
  }
  return shape.sameRow
    ? [mendNewColumns(shape, batch)]
    : [deleteTargetRows(shape, batch), updateTargetRows(shape, batch), insertTargetRows(shape, batch)];
}

/** new := f(old), in one row. */
export function mendNewColumns(shape: Shape, { keys, relation }: Batch): Statement {
  const set = shape.columns.map(({ name, expression }) => `${quoteName(name)} = (${expression})`);
  return statement(
    `update ${quoteTable(shape.source)} set ${set.join(', ')}
    where ${isOneOf(shape, 'source')}
    and (${inconsistent(shape, relation, SAME_ROW)})`,
    keyValues(shape, keys),
  );
}

/** old := g(new), in one row. A row that is right by either side is left alone. */
export function mendOldColumns(shape: Shape, { keys }: Batch): Statement {
  const set = shape.reverse.map(({ name, expression }) => `${quoteName(name)} = (${expression})`);
  return statement(
    `update ${quoteTable(shape.source)} set ${set.join(', ')}
    where ${isOneOf(shape, 'source')}
    and (${inconsistent(shape, 'consistent', SAME_ROW)})`,
    keyValues(shape, keys),
  );
}

/** The other table's row as a subquery `d` whose columns have names that no table has, so that f and g stay unqualified. */
const FORWARD: Sides = {
  stored: ({ name }) => `t.${quoteName(name)}`,
  derived: ({ type }, i) => cast(`d."_sy_f${i}"`, type),
  old: (_, i) => `d."_sy_o${i}"`,
  back: ({ expression, type }) => cast(expression, type),
};

/** Rows of the new table that are there and wrong. */
export function updateTargetRows(shape: Shape, { keys, relation }: Batch): Statement {
  const columns = [
    ...shape.key.map(({ source }, i) => `${quoteName(source)} as "_sy_k${i}"`),
    ...shape.columns.map(({ expression }, i) => `(${expression}) as "_sy_f${i}"`),
    ...shape.reverse.map(({ name }, i) => `${quoteName(name)} as "_sy_o${i}"`),
  ];
  const set = shape.columns.map(({ name }, i) => `${quoteName(name)} = d."_sy_f${i}"`);
  return statement(
    `update ${quoteTable(shape.target)} as t set ${set.join(', ')}
    from (select ${columns.join(', ')} from ${quoteTable(shape.source)}
    where ${isOneOf(shape, 'source')}${filter(shape)}) as d
    where ${sameKey(shape, 'target', 't')}
    and (${inconsistent(shape, relation, FORWARD)})`,
    keyValues(shape, keys),
  );
}

/** Rows that the new table lacks. */
export function insertTargetRows(shape: Shape, { keys }: Batch): Statement {
  const into = [...shape.key.map(({ target }) => target), ...shape.columns.map(({ name }) => name)];
  const values = [...keyNames(shape, 'source', 's'), ...shape.columns.map(({ expression }) => `(${expression})`)];
  return statement(
    `insert into ${quoteTable(shape.target)} (${quoteNames(into)})
    select ${values.join(', ')} from ${quoteTable(shape.source)} as s
    where ${isOneOf(shape, 'source', { alias: 's' })}${filter(shape)}
    and not exists (select 1 from ${quoteTable(shape.target)} as t where ${joinKeys(shape)})
    on conflict (${quoteNames(shape.key.map(({ target }) => target))}) do nothing`,
    keyValues(shape, keys),
  );
}

/** Rows of the new table whose old row is gone, or no longer has one by `where`. */
export function deleteTargetRows(shape: Shape, { keys, relation }: Batch): Statement {
  return statement(
    `delete from ${quoteTable(shape.target)} as t
    where ${isOneOf(shape, 'target', { alias: 't' })}
    and ${withoutSource(shape, relation)}`,
    keyValues(shape, keys),
  );
}

/** The same for all rows: what a truncated old table leaves behind. */
export function deleteAllWithoutSource(shape: Shape): Statement {
  return statement(`delete from ${quoteTable(shape.target)} as t where ${withoutSource(shape, 'derived')}`);
}

function withoutSource(shape: Shape, relation: Relation): string {
  const gone = `not exists (select 1 from ${quoteTable(shape.source)} as s where ${joinKeys(shape)}${filter(shape)})`;
  // Only `where` can leave an old row without a new one; then a row that g calls right was put there by the application.
  if (shape.where === null || !usesReverse(shape, relation)) return gone;
  const columns = [
    ...shape.key.map(({ source }, i) => `${quoteName(source)} as "_sy_k${i}"`),
    ...shape.reverse.map(({ name }, i) => `${quoteName(name)} as "_sy_o${i}"`),
  ];
  return `${gone}
    and not exists (select 1 from (select ${columns.join(', ')} from ${quoteTable(shape.source)}) as d
    where ${sameKey(shape, 'target', 't')} and not (${reverseDiffers(shape, FORWARD)}))`;
}

const REVERSE: Sides = {
  stored: (_, i) => `d."_sy_n${i}"`,
  derived: ({ expression, type }) => cast(expression, type),
  old: ({ name }) => `s.${quoteName(name)}`,
  back: ({ type }, i) => cast(`d."_sy_g${i}"`, type),
};

/** Old columns from the row of the new table. */
export function mendOldFromTarget(shape: Shape, { keys }: Batch): Statement {
  const columns = [
    ...shape.key.map(({ target }, i) => `${quoteName(target)} as "_sy_k${i}"`),
    ...shape.reverse.map(({ expression }, i) => `(${expression}) as "_sy_g${i}"`),
    ...shape.columns.map(({ name }, i) => `${quoteName(name)} as "_sy_n${i}"`),
  ];
  const set = shape.reverse.map(({ name }, i) => `${quoteName(name)} = d."_sy_g${i}"`);
  // A new row for which f would have made none is right only by g.
  const forward = forwardDiffers(shape, REVERSE);
  const wrong = shape.where === null ? forward : `(${shape.where}) is not true or ${forward}`;
  return statement(
    `update ${quoteTable(shape.source)} as s set ${set.join(', ')}
    from (select ${columns.join(', ')} from ${quoteTable(shape.target)} where ${isOneOf(shape, 'target')}) as d
    where ${sameKey(shape, 'source', 's')}
    and (${wrong})
    and (${reverseDiffers(shape, REVERSE)})`,
    keyValues(shape, keys),
  );
}

/** A missing new row means that the old columns hold nothing. Rows of the old table itself are never made or removed. */
export function clearOldWithoutTarget(shape: Shape, { keys }: Batch): Statement {
  const names = shape.reverse.map(({ name }) => quoteName(name));
  return statement(
    `update ${quoteTable(shape.source)} as s set ${names.map((name) => `${name} = null`).join(', ')}
    where ${isOneOf(shape, 'source', { alias: 's' })}
    and not exists (select 1 from ${quoteTable(shape.target)} as t where ${joinKeys(shape)})
    and (${names.map((name) => `s.${name} is not null`).join(' or ')})`,
    keyValues(shape, keys),
  );
}

const filter = (shape: Shape): string => (shape.where === null ? '' : `\nand (${shape.where})`);

const joinKeys = (shape: Shape): string =>
  shape.key.map(({ source, target }) => `s.${quoteName(source)} = t.${quoteName(target)}`).join(' and ');

const sameKey = (shape: Shape, side: 'source' | 'target', alias: string): string =>
  keyNames(shape, side, alias)
    .map((name, i) => `${name} = d."_sy_k${i}"`)
    .join(' and ');

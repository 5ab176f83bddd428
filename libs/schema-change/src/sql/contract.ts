import { quoteName, quoteTable } from '../identifiers.js';
import type { ObjectNames } from '../identifiers.js';
import { CONTROL_SCHEMA } from './control.js';
import type { Shape } from './shape.js';
import { statement, type Statement } from './statement.js';

/** Takes the old columns away: the point of no return. RESTRICT, so that a dependent made meanwhile stops it. */
export function dropOldColumns(shape: Shape, columns: readonly string[]): Statement {
  const parts = columns.map((column) => `drop column if exists ${quoteName(column)} restrict`);
  return statement(`alter table ${quoteTable(shape.source)} ${parts.join(', ')}`);
}

/** Undoes the expansion within the old table. */
export function dropNewColumns(shape: Shape): Statement {
  const parts = shape.columns.map(({ name }) => `drop column if exists ${quoteName(name)} restrict`);
  return statement(`alter table ${quoteTable(shape.source)} ${parts.join(', ')}`);
}

/** Undoes the expansion into a new table. */
export function dropTarget(shape: Shape): Statement {
  return statement(`drop table if exists ${quoteTable(shape.target)} restrict`);
}

/** What should no longer be there at the end of a run. */
export interface Expected {
  readonly names: ObjectNames;
  /** Columns of the old table that must be gone: the old ones after the drop, the new ones after an abort. */
  readonly goneColumns: readonly string[];
  /** Whether the new table must be gone too. */
  readonly goneTarget: boolean;
  /** Indexes and constraints by name that must be gone: after an abort all that the spec names. */
  readonly goneIndexes: readonly string[];
  readonly goneConstraints: readonly string[];
}

/** Everything of a run that is still there, one row each: none is the proof that nothing was left behind. */
export function leftovers(shape: Shape, expected: Expected): Statement {
  const { names } = expected;
  return statement(
    `select 'slot' as kind, slot_name::text as name from pg_replication_slots where slot_name = $1
    union all select 'publication', pubname::text from pg_publication where pubname = $2
    union all select 'origin', roname from pg_replication_origin where starts_with(roname, $3)
    union all select 'constraint', conname::text from pg_constraint
    where conrelid = any(array[to_regclass($4), to_regclass($5)]::oid[])
    and (starts_with(conname::text, $6) or conname = any($7::text[]))
    union all select 'column', attname::text from pg_attribute
    where attrelid = to_regclass($4) and attname = any($8::text[]) and not attisdropped
    union all select 'index', c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = any(array[to_regclass($4), to_regclass($5)]::oid[])
    and (c.relname = any($9::text[]) or not i.indisvalid)
    union all select 'trigger', tgname::text from pg_trigger
    where tgrelid = any(array[to_regclass($4), to_regclass($5)]::oid[]) and starts_with(tgname::text, $6)
    union all select 'table', $5::text where $10::boolean and to_regclass($5) is not null
    order by 1, 2`,
    [
      names.slot,
      names.publication,
      names.origin,
      quoteTable(shape.source),
      quoteTable(shape.target),
      names.constraintPrefix,
      expected.goneConstraints,
      expected.goneColumns,
      expected.goneIndexes,
      expected.goneTarget,
    ],
  );
}

/** Whether the control table is there at all; asked before `readControl` when the end of a run is verified. */
export function controlExists(): Statement {
  return statement(`select to_regclass($1) is not null as there`, [`${CONTROL_SCHEMA}.control`]);
}

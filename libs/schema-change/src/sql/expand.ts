import { quoteName, quoteNames, quoteTable, type TableName } from '../identifiers.js';
import type { Shape } from './shape.js';
import { statement, type Statement } from './statement.js';

/** Adds the new columns: nullable, without default, so that only the catalog changes. */
export function addColumns(shape: Shape): Statement {
  const parts = shape.columns.map(({ name, type }) => `add column if not exists ${quoteName(name)} ${type}`);
  return statement(`alter table ${quoteTable(shape.source)}\n${parts.join(',\n')}`);
}

/** Makes the new table with the key of the old one. */
export function createTarget(shape: Shape): Statement {
  const key = shape.key.map(
    ({ target, type, collation }) =>
      `${quoteName(target)} ${type}${collation === null ? '' : ` collate ${collation}`} not null`,
  );
  const columns = shape.columns.map(({ name, type }) => `${quoteName(name)} ${type}`);
  const primary = `primary key (${quoteNames(shape.key.map(({ target }) => target))})`;
  return statement(
    `create table if not exists ${quoteTable(shape.target)} (\n${[...key, ...columns, primary].join(',\n')}\n)`,
  );
}

/** What a role may do with the old table. */
export interface TableGrant {
  /** `PUBLIC`, or the name of a role. */
  readonly grantee: string;
  readonly privileges: readonly string[];
}

const GRANTED = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'TRIGGER', 'TRUNCATE']);

/** Gives a role the same rights on the new table as it has on the old one: an application that cannot write there fails at dual write. */
export function grantTarget(shape: Shape, grant: TableGrant): Statement {
  const privileges = grant.privileges.filter((privilege) => GRANTED.has(privilege));
  const to = grant.grantee === 'PUBLIC' ? 'public' : quoteName(grant.grantee);
  return statement(`grant ${privileges.join(', ').toLowerCase()} on table ${quoteTable(shape.target)} to ${to}`);
}

/** What the new columns are now, to compare with the spec: `if not exists` accepts a column of another type. */
export function newColumns(shape: Shape): Statement {
  return statement(
    `select attname::text as name, format_type(atttypid, atttypmod) as type, attnotnull as "notNull"
    from pg_attribute
    where attrelid = to_regclass($1) and attname = any($2::text[]) and not attisdropped
    order by attnum`,
    [quoteTable(shape.target), shape.columns.map(({ name }) => name)],
  );
}

/** Publishes the tables. Made before the slot: a slot that is older than its publication can never be decoded. */
export function createPublication(name: string, tables: readonly TableName[]): Statement {
  return statement(
    `create publication ${quoteName(name)} for table ${tables.map(quoteTable).join(', ')}
    with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`,
  );
}

/** Publishes other tables, as when the direction of the stream turns. */
export function setPublicationTables(name: string, tables: readonly TableName[]): Statement {
  return statement(`alter publication ${quoteName(name)} set table ${tables.map(quoteTable).join(', ')}`);
}

export function dropPublication(name: string): Statement {
  return statement(`drop publication if exists ${quoteName(name)}`);
}

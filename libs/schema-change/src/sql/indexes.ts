import type { NewIndex } from '@switchyard/contracts';
import { quoteName, quoteNames, quoteTable, type TableName } from '../identifiers.js';
import { statement, type Statement } from './statement.js';

/**
 * Builds an index beside the writers. Outside a transaction, with lock_timeout off, and never while a session of
 * ours holds a snapshot: CONCURRENTLY waits for each. Without `if not exists`, which would take an invalid one.
 */
export function createIndexConcurrently(table: TableName, index: NewIndex): Statement {
  return statement(
    `create ${index.unique ? 'unique ' : ''}index concurrently ${quoteName(index.name)}
    on ${quoteTable(table)} using ${index.method} (${quoteNames(index.columns)})`,
  );
}

/** The state of an index by name: no row when there is none. An invalid one is dropped and built again. */
export function indexState(table: TableName, name: string): Statement {
  return statement(
    `select i.indisvalid as valid, i.indisready as ready, i.indrelid = to_regclass($2) as "onTable",
    c.relkind = 'I' as "isFrame", i.indisunique as unique, am.amname::text as method,
    array(select a.attname::text from unnest(i.indkey::int[]) with ordinality as k(attnum, place)
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum order by place) as columns,
    exists (select 1 from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as building
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am am on am.oid = c.relam
    where i.indexrelid = to_regclass($1)`,
    [quoteTable({ schema: table.schema, name }), quoteTable(table)],
  );
}

export function dropIndexConcurrently(table: TableName, name: string): Statement {
  return statement(`drop index concurrently if exists ${quoteTable({ schema: table.schema, name })}`);
}

/** For the frame of a partitioned index, which cannot go concurrently; the indexes of the partitions go with it. */
export function dropIndex(table: TableName, name: string): Statement {
  return statement(`drop index if exists ${quoteTable({ schema: table.schema, name })}`);
}

/** The empty frame of an index on a partitioned table; each partition's own index is attached to it. */
export function createIndexOnParent(table: TableName, index: NewIndex): Statement {
  return statement(
    `create ${index.unique ? 'unique ' : ''}index ${quoteName(index.name)}
    on only ${quoteTable(table)} using ${index.method} (${quoteNames(index.columns)})`,
  );
}

export function attachIndex(table: TableName, name: string, partition: TableName): Statement {
  return statement(
    `alter index ${quoteTable({ schema: table.schema, name })} attach partition ${quoteTable(partition)}`,
  );
}

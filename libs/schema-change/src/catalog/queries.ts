import { quoteName, quoteTable, type ObjectNames } from '../identifiers.js';
import { newTableOf, type Change } from '../spec/change.js';
import { statement, type Statement } from '../sql/statement.js';
import type { CatalogSection } from './catalog.js';
import { DEPENDENTS_SQL, GRANTS_SQL, PUBLICATIONS_SQL, TRIGGERS_SQL } from './surroundings.js';

/** The statements that read a {@link Catalog}: all are cheap, read only the system tables and take no lock. */
export function catalogQueries(change: Change, names: ObjectNames): Readonly<Record<CatalogSection, Statement>> {
  const table = quoteTable(change.source);
  return {
    server: statement(SERVER_SQL),
    table: statement(TABLE_SQL, [table]),
    columns: statement(COLUMNS_SQL, [table]),
    indexes: statement(INDEXES_SQL, [table]),
    dependents: statement(DEPENDENTS_SQL, [table]),
    triggers: statement(TRIGGERS_SQL, [table]),
    publications: statement(PUBLICATIONS_SQL, [table]),
    grants: statement(GRANTS_SQL, [table]),
    taken: takenNames(change, names),
  };
}

const SERVER_SQL = `
  select current_setting('server_version_num')::int as version, current_setting('wal_level') as "walLevel",
  pg_is_in_recovery() as "inRecovery", current_setting('block_size')::int as "blockSize",
  (select count(*) from pg_replication_slots)::int as slots,
  current_setting('max_replication_slots')::int as "maxSlots",
  (select count(*) from pg_stat_replication)::int as "walSenders",
  current_setting('max_wal_senders')::int as "maxWalSenders",
  case when current_setting('max_slot_wal_keep_size') = '-1' then -1
  else pg_size_bytes(current_setting('max_slot_wal_keep_size')) end as "maxSlotWalBytes",
  r.rolsuper as superuser, r.rolsuper or r.rolreplication
  or coalesce((select pg_has_role(current_user, m.oid, 'usage') from pg_roles m where m.rolname = 'rds_replication'), false)
  as replication,
  has_database_privilege(current_database(), 'create') as "canCreate",
  has_database_privilege(current_database(), 'temporary') as "canTemp",
  r.rolsuper or (current_setting('server_version_num')::int >= 150000
  and has_parameter_privilege('session_replication_role', 'set')) as "canSilenceTriggers",
  (select bool_and(has_function_privilege(p.oid, 'execute')) from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace
  and p.proname in ('pg_replication_origin_create', 'pg_replication_origin_session_setup', 'pg_replication_origin_drop'))
  as "canUseOrigins"
  from pg_roles r where r.rolname = current_user`;

const TABLE_SQL = `
  select c.relkind::text as kind, c.relpersistence::text as persistence, c.relreplident::text as "replicaIdentity",
  pg_has_role(c.relowner, 'usage') as owned, c.relforcerowsecurity as "forcedRowSecurity",
  c.relkind <> 'p' and exists (select 1 from pg_inherits i where i.inhparent = c.oid) as inherited,
  greatest(s.rows, 0)::bigint as rows, s.pages, s.heap as "heapBytes", s.indexes as "indexBytes", s.toast as "toastBytes",
  coalesce((select option_value::int from pg_options_to_table(c.reloptions) where option_name = 'fillfactor'), 100)
  as fillfactor,
  coalesce((select sum(n_dead_tup) from pg_stat_all_tables t where t.relid = any(s.oids)), 0)::bigint as "deadRows",
  coalesce((select jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', p.relname) order by n.nspname, p.relname)
  from pg_partition_tree(c.oid) t join pg_class p on p.oid = t.relid join pg_namespace n on n.oid = p.relnamespace
  where t.isleaf and c.relkind = 'p'), '[]') as partitions
  from pg_class c
  cross join lateral (select array_agg(l.oid) as oids,
  /* never analysed: about 100 bytes a row */
  sum(case when l.reltuples < 0 then pg_relation_size(l.oid) / 100 else l.reltuples end) as rows,
  sum(pg_relation_size(l.oid) / current_setting('block_size')::bigint)::bigint as pages,
  sum(pg_relation_size(l.oid))::bigint as heap, sum(pg_indexes_size(l.oid))::bigint as indexes,
  sum(coalesce(pg_total_relation_size(nullif(l.reltoastrelid, 0)), 0))::bigint as toast
  from pg_class l where l.oid = c.oid and c.relkind <> 'p'
  or l.oid in (select relid from pg_partition_tree(c.oid) where isleaf and c.relkind = 'p')) as s
  where c.oid = to_regclass($1)`;

const COLUMNS_SQL = `
  select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
  a.atthasdef and a.attgenerated = '' as "hasDefault", a.attgenerated <> '' as generated, a.attidentity <> '' as identity,
  case when a.attcollation <> t.typcollation
  then (select quote_ident(cn.nspname) || '.' || quote_ident(o.collname) from pg_collation o
  join pg_namespace cn on cn.oid = o.collnamespace where o.oid = a.attcollation) end as collation,
  t.typcategory = 'A' as "isArray",
  coalesce(s.avg_width, greatest(a.attlen, 16))::int as width, coalesce(s.null_frac, 0)::float8 as "nullFraction"
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join lateral (select avg_width, null_frac from pg_stats p
  where p.schemaname = n.nspname and p.tablename = c.relname and p.attname = a.attname
  order by p.inherited desc limit 1) as s on true
  where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
  order by a.attnum`;

const INDEXES_SQL = `
  select c.relname::text as name, i.indisunique as unique, i.indisprimary as primary, i.indisvalid as valid,
  i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null as "usableAsKey",
  i.indisreplident as "replicaIdentity",
  case when c.relkind = 'I' then (select coalesce(sum(pg_relation_size(t.relid)), 0) from pg_partition_tree(c.oid) t)
  else pg_relation_size(c.oid) end::bigint as bytes,
  array(select a.attname::text from unnest(i.indkey::int[]) with ordinality as k(attnum, place)
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where k.place <= i.indnkeyatts order by place) as columns
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = to_regclass($1)
  order by i.indisprimary desc, c.relname`;

function takenNames(change: Change, names: ObjectNames): Statement {
  const target = newTableOf(change);
  return statement(
    `select 'table' as kind, $1::text as name where $6::boolean and to_regclass($1) is not null
    union all select 'index', name from unnest($2::text[]) as wanted(name)
    where to_regclass(quote_ident($3) || '.' || quote_ident(name)) is not null
    union all select 'constraint', conname::text from pg_constraint
    where conrelid = to_regclass($1) and conname = any($4::text[])
    union all select 'slot', slot_name::text from pg_replication_slots where slot_name = $5
    union all select 'publication', pubname::text from pg_publication where pubname = $7
    order by 1, 2`,
    [
      quoteTable(target),
      change.indexes.map(({ name }) => name),
      target.schema,
      change.constraints.map(({ name }) => name),
      names.slot,
      change.target !== null,
      names.publication,
    ],
  );
}

/** Asks which backend answers; the adapter asks in several transactions on one connection. */
export function backendPid(): Statement {
  return statement('select pg_backend_pid() as pid');
}

/** The definition of every column of the tables, to notice DDL of others while a run is on. */
export function definitionOf(tables: readonly { readonly schema: string; readonly name: string }[]): Statement {
  return statement(
    `select c.oid::regclass::text as table, a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as "notNull", pg_get_expr(d.adbin, d.adrelid) as default
    from unnest($1::text[]) as wanted(name)
    join pg_class c on c.oid = to_regclass(wanted.name)
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    order by 1, a.attnum`,
    [tables.map(({ schema, name }) => `${quoteName(schema)}.${quoteName(name)}`)],
  );
}

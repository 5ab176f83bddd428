import type { TargetDatabase } from './target.js';
import type { World } from './world.js';

/** Makes the table that the application writes. `said` is what the writer meant, whatever shape it wrote it in. */
export async function makeUsers({ query }: TargetDatabase, rows: number): Promise<void> {
  await query(`create table users (id bigint generated always as identity primary key, name text not null, said text,
    email text)`);
  await query(`insert into users (name, said) select n, n from generate_series(1, $1::int) i, concat('Ada ', i) n`, [
    rows,
  ]);
}

/** How many rows are still as {@link makeUsers} made them. */
export async function untouchedUsers({ query }: TargetDatabase): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from users where said = concat('Ada ', id)`,
  );
  return row?.count ?? 0;
}

/** Takes the table and the flags away, for the next test. */
export async function forget({ target, store }: World): Promise<void> {
  await target.query('drop table if exists users cascade');
  await store.db.raw('truncate switchyard.flags cascade');
}

const FIRST = `split_part(btrim(said), ' ', 1)`;
const LAST = `nullif(regexp_replace(btrim(said), '^\\S+\\s*', ''), '')`;

/** Rows whose new columns are not what the writer meant. */
export const wrongInNewShape = ({ query }: TargetDatabase): Promise<object[]> =>
  query(`select * from users where (first_name, last_name) is distinct from (${FIRST}, ${LAST}) limit 5`);

/** Rows whose name is neither what the writer meant nor what the way back makes of it. */
export const wrongInOldShape = ({ query }: TargetDatabase): Promise<object[]> =>
  query(`select * from users where name is distinct from said
    and name is distinct from concat_ws(' ', ${FIRST}, ${LAST}) limit 5`);

/** Everything of a database that a change could leave behind or take away, in words; equal lists are equal catalogs. */
export async function catalogOf({ query }: TargetDatabase): Promise<string[]> {
  const rows = await query<{ what: string }>(`
    select format('column %s.%s %s notnull=%s default=%s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
      a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as what
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
    union all select format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
      where contype <> 'n' and connamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
    union all select format('index %s', indexdef) from pg_indexes where schemaname not in ('pg_catalog', 'pg_toast')
    union all select format('trigger %s on %s', tgname, tgrelid::regclass) from pg_trigger where not tgisinternal
    union all select format('schema %s', nspname) from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
    union all select format('function %s', oid::regprocedure) from pg_proc
      where pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
    union all select format('publication %s', pubname) from pg_publication
    union all select format('event trigger %s', evtname) from pg_event_trigger
    union all select format('slot %s', slot_name) from pg_replication_slots where database = current_database()
    union all select format('replica identity of %s: %s', oid::regclass, relreplident) from pg_class
      where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
    order by what`);
  return rows.map(({ what }) => what);
}

/** Replication origins that any change made on the server of this database. */
export const originsOf = ({ query }: TargetDatabase): Promise<object[]> =>
  query('select roname from pg_replication_origin');

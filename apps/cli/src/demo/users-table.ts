import { connectDatabase, parseDatabaseUrl, type Database } from '@switchyard/shared-db';
import { CodedError } from '@switchyard/contracts';

/** The comment by which the demo knows its own table: no other one is ever touched. */
const MARKER = 'made by switchyard demo';
const FIRST = `(array['Ada','Grace','Zoë','Иван','山田','Alan','Edsger','Mary'])[1 + n % 8]`;
const LAST = `(array['Lovelace','Hopper','de la Cruz','O''Brien','Åström','Kay Dijkstra'])[1 + n % 6]`;
/** Every tenth has one name alone. */
const LAST_OR_NONE = `case when n % 10 = 0 then null else ${LAST} end`;
/** A time that nothing but the application may change. */
const SEEDED_AT = '2026-01-01T00:00:00Z';

/** The table of the demo, in the database `app` of the local stack. */
export interface UsersTable {
  /** What a change makes beside the table: slots, publications, origins, control rows, constraints, triggers. */
  readonly surroundings: () => Promise<readonly string[]>;
  readonly columns: () => Promise<readonly string[]>;
  readonly count: () => Promise<number>;
  /** How the rows that were there before the change look after it. */
  readonly seeded: () => Promise<SeededRows>;
  /** How far the backfill is; null: it has not begun, or is over. */
  readonly backfill: () => Promise<BackfillPoint | null>;
  readonly close: () => Promise<void>;
}

/** The rows that were there before. */
export interface SeededRows {
  readonly rows: number;
  /** Whose first and last name is not what their name said. */
  readonly wrong: number;
  /** Whose `updated_at` was touched. */
  readonly touched: number;
}

/** A moment within the backfill. */
export interface BackfillPoint {
  readonly rows: number;
  readonly share: number;
}

/** Options of {@link makeUsersTable}. */
export interface UsersTableOptions {
  /** As the owner of the database. */
  readonly url: string;
  readonly rows: number;
  /** Whether a change of an earlier demo was ended by force: then what it made is removed with its table. */
  readonly isAfterForce: boolean;
}

/** Makes the table anew with so many rows. @throws PreflightRefused when there is one that is not the demo's */
export async function makeUsersTable({ url, rows, isAfterForce }: UsersTableOptions): Promise<UsersTable> {
  const database = connectDatabase(parseDatabaseUrl(url), { applicationName: 'switchyard/demo' });
  try {
    await dropOwnTable(database);
    if (isAfterForce) await removeLeftovers(database);
    await database.knex.raw(`create table public.users (id uuid primary key, name text not null,
      email text not null unique, updated_at timestamptz not null default now())`);
    await database.knex.raw(`comment on table public.users is '${MARKER}'`);
    await database.knex.raw(
      `insert into public.users (id, name, email, updated_at)
      select md5(n::text)::uuid, concat_ws(' ', ${FIRST}, ${LAST_OR_NONE}), 'seed-' || n || '@example.test', ?
      from generate_series(1, ?::int) n`,
      [SEEDED_AT, rows],
    );
    await database.knex.raw('analyze public.users');
  } catch (error) {
    await database.close({ deadlineMs: 2_000 });
    throw error;
  }
  const ask = async <R>(sql: string, values: readonly string[] = []): Promise<R[]> =>
    (await database.knex.raw<{ rows: R[] }>(sql, [...values])).rows;
  return {
    surroundings: async () => (await ask<{ what: string }>(SURROUNDINGS)).map(({ what }) => what),
    columns: async () =>
      (
        await ask<{ name: string }>(
          `select attname as name from pg_attribute where attrelid = 'public.users'::regclass and attnum > 0
          and not attisdropped order by attnum`,
        )
      ).map(({ name }) => name),
    count: async () => (await ask<{ rows: number }>('select count(*)::int as rows from public.users'))[0]?.rows ?? 0,
    seeded: async () => {
      const [seen] = await ask<SeededRows>(
        `select count(u.id)::int as rows,
          (count(*) filter (where (first_name, last_name) is distinct from (${FIRST}, ${LAST_OR_NONE})))::int as wrong,
          (count(*) filter (where updated_at is distinct from ?))::int as touched
        from generate_series(1, ${rows}) n left join public.users u on u.id = md5(n::text)::uuid`,
        [SEEDED_AT],
      );
      return seen ?? { rows: 0, wrong: rows, touched: rows };
    },
    async backfill() {
      const [there] = await ask<{ there: boolean }>(
        `select to_regclass('switchyard_change.control') is not null as there`,
      );
      if (!there?.there) return null;
      const [seen] = await ask<BackfillPoint>(
        `select (progress->>'rows')::int as rows,
          (progress->'at'->>'page')::float8 / greatest(1, (progress->>'pages')::int) as share
        from switchyard_change.control
        where writer = 'backfill' and (progress->>'chunks')::int > 0 and not (progress->>'isDone')::boolean
        limit 1`,
      );
      return seen ?? null;
    },
    close: async () => void (await database.close({ deadlineMs: 2_000 })),
  };
}

/** Everything that a change of this name leaves when it leaves something. */
const SURROUNDINGS = `
  select 'slot ' || slot_name as what from pg_replication_slots where starts_with(slot_name::text, 'switchyard_users_name_split')
  union all select 'publication ' || pubname from pg_publication where starts_with(pubname::text, 'switchyard_users_name_split')
  union all select 'origin ' || roname from pg_replication_origin where starts_with(roname, 'switchyard_users_name_split')
  union all select 'constraint ' || conname from pg_constraint
    where conrelid = 'public.users'::regclass and starts_with(conname::text, 'switchyard_')
  union all select 'trigger ' || tgname from pg_trigger where tgrelid = 'public.users'::regclass and not tgisinternal
  union all select 'table ' || c.oid::regclass from pg_class c join pg_namespace s on s.oid = c.relnamespace
    where s.nspname = 'switchyard_change' and c.relkind = 'r'
  union all select 'invalid index ' || indexrelid::regclass from pg_index
    where indrelid = 'public.users'::regclass and not indisvalid
  order by 1`;

/** What a change that was ended by force left beside its table. */
async function removeLeftovers({ knex }: Database): Promise<void> {
  await knex.raw(`select pg_drop_replication_slot(slot_name) from pg_replication_slots
    where starts_with(slot_name::text, 'switchyard_users_name_split') and not active`);
  await knex.raw(`do $$ declare name text; begin
    for name in select pubname from pg_publication where starts_with(pubname::text, 'switchyard_users_name_split')
    loop execute format('drop publication %I', name); end loop; end $$`);
  await knex.raw('drop schema if exists switchyard_change cascade');
}

async function dropOwnTable({ knex }: Database): Promise<void> {
  const { rows } = await knex.raw<{ rows: { there: boolean; comment: string | null }[] }>(
    `select to_regclass('public.users') is not null as there,
      obj_description(to_regclass('public.users'), 'pg_class') as comment`,
  );
  const [found] = rows;
  if (!found?.there) return;
  if (found.comment !== MARKER) {
    throw new CodedError(
      'PreflightRefused',
      'database app holds a table public.users that the demo did not make; rename it, or drop it if it may go: alter table public.users rename to users_before_the_demo',
    );
  }
  await knex.raw('drop table public.users');
}

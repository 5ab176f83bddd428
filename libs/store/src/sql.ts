import type { Knex } from 'knex';
import { z } from 'zod';

/** A database handle: the shared Knex, or a transaction of it. */
export type Db = Knex;

/** Named values of a statement; an array is a PostgreSQL array, JSON is passed as text. */
export type Params = Readonly<Record<string, string | number | boolean | null | Date | Buffer | readonly string[]>>;

/** Runs one statement and parses its rows. */
export async function rows<S extends z.ZodType>(
  db: Db,
  schema: S,
  sql: string,
  params: Params = {},
): Promise<z.output<S>[]> {
  return z.array(schema).parse((await run(db, sql, params)).rows);
}

/** Runs one statement; gives the number of rows that it changed. */
export async function execute(db: Db, sql: string, params: Params = {}): Promise<number> {
  return (await run(db, sql, params)).rowCount ?? 0;
}

async function run(db: Db, sql: string, params: Params): Promise<{ rows: unknown[]; rowCount: number | null }> {
  // Knex wants to write into the map that it is given.
  return await db.raw(sql, { ...params } as Knex.ValueDict);
}

/** A bigint column: pg gives int8 as text. Counts of this store stay far below 2^53. */
export const count = z.union([z.number(), z.string()]).transform(Number);

/** A timestamptz column as ISO 8601 in UTC. */
export const time = z.union([z.date(), z.string()]).transform((value) => new Date(value).toISOString());

/** The SQLSTATE of an error of the database, or the code of a failed connection such as ECONNREFUSED. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The constraint that an error of the database names. */
export function constraintOf(error: unknown): string | undefined {
  const constraint = (error as { constraint?: unknown } | null | undefined)?.constraint;
  return typeof constraint === 'string' ? constraint : undefined;
}

/** SQLSTATE of a broken unique rule: another writer was first. */
export const UNIQUE_VIOLATION = '23505';

/** SQLSTATE of a broken reference: what was referred to is gone. */
export const FOREIGN_KEY_VIOLATION = '23503';

/** Ids of advisory locks, so that `pg_locks` can be read: class 0x53575944 is "SWYD". */
export const ADVISORY_CLASS = 0x53575944;
export const ADVISORY_LOCKS = { migrate: 1, partitions: 2, flags: 3 } as const;

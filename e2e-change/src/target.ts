import { randomBytes } from 'node:crypto';
import { createTestDatabase, type PostgresForTests } from '@switchyard/testkit';
import pg from 'pg';

/** The database whose tables are changed, owned by an ordinary user who may replicate. */
export interface TargetDatabase {
  readonly name: string;
  readonly user: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  /** As the owner. */
  readonly url: string;
  /** As the owner, each on a connection of its own. */
  readonly query: <R extends object>(sql: string, values?: readonly unknown[]) => Promise<R[]>;
  /** A session of the owner, to be ended by the caller. */
  readonly connect: () => Promise<pg.Client>;
  /** As superuser. */
  readonly asSuperuser: <R extends object>(sql: string, values?: readonly unknown[]) => Promise<R[]>;
  readonly drop: () => Promise<void>;
}

export async function openTarget(server?: PostgresForTests): Promise<TargetDatabase> {
  const database = await createTestDatabase(server ? { server } : {});
  const user = `owner_${randomBytes(4).toString('hex')}`;
  const password = `p4ss-${randomBytes(9).toString('hex')}`;
  const { name, host, port } = database;
  await queryOnce(database.url, `create role ${user} login replication password '${password}'`);
  await queryOnce(database.url, `alter database ${name} owner to ${user}`);
  const url = `postgresql://${user}:${password}@${host}:${port}/${name}`;
  return {
    name,
    host,
    port,
    user,
    password,
    url,
    query: (sql, values) => queryOnce(url, sql, values),
    connect: () => connect(url),
    asSuperuser: (sql, values) => queryOnce(database.url, sql, values),
    async drop() {
      await database.drop();
      await queryOnce(database.url.replace(/\/[^/]+$/, '/postgres'), `drop role ${user}`);
    },
  };
}

async function queryOnce<R extends object>(
  connectionString: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  const client = await connect(connectionString);
  try {
    return (await client.query<R>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { PostgresForTests } from './postgres-server.js';
import { postgres } from './provided.js';

/** A database for one test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** URL of this database as superuser. */
  readonly url: string;
  /** DB_* variables that name this database, both roles being the superuser. */
  readonly env: Readonly<Record<string, string>>;
  /** Disconnects everybody and drops it. */
  readonly drop: () => Promise<void>;
}

/** Options of {@link createTestDatabase}. */
export interface TestDatabaseOptions {
  /** The server. Default: the one of the global set-up. */
  readonly server?: PostgresForTests;
  /** Made once per server, under this name, and copied for each database: copying is faster than migrating again. */
  readonly template?: {
    readonly name: string;
    /** Fills the template, for example by running migrations. Must close every connection that it opens. */
    readonly prepare: (database: Omit<TestDatabase, 'drop' | keyof AsyncDisposable>) => Promise<void>;
  };
}

/** Makes an empty database, or a copy of a template. Drop it in `afterAll`, or hold it with `await using`. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = options.server ?? postgres();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(server, async (client) => {
    if (options.template === undefined) {
      await client.query(`create database ${pg.escapeIdentifier(name)}`);
      return;
    }
    // The lock covers the copy as well: two copies of one template at once refuse each other.
    await client.query('select pg_advisory_lock(727001)');
    const template = await ensureTemplate(server, client, options.template);
    await client.query(`create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(template)}`);
  });
  const drop = (): Promise<void> =>
    asSuperuser(server, async (client) => {
      // A slot keeps its database; drop those that a test left.
      await client.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and active_pid is not null`,
        [name],
      );
      await client.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active`,
        [name],
      );
      await client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
    });
  return { ...describeDatabase(server, name), drop, [Symbol.asyncDispose]: drop };
}

async function ensureTemplate(
  server: PostgresForTests,
  client: pg.Client,
  template: NonNullable<TestDatabaseOptions['template']>,
): Promise<string> {
  const name = `template_${template.name}`;
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount !== 0) return name;
  // Under another name until it is whole, so that a failed preparation is never copied.
  const part = `${name}_part`;
  await client.query(`drop database if exists ${pg.escapeIdentifier(part)} with (force)`);
  await client.query(`create database ${pg.escapeIdentifier(part)}`);
  await template.prepare(describeDatabase(server, part));
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [part]);
  await client.query(`alter database ${pg.escapeIdentifier(part)} rename to ${pg.escapeIdentifier(name)}`);
  return name;
}

function describeDatabase(server: PostgresForTests, name: string): Omit<TestDatabase, 'drop' | keyof AsyncDisposable> {
  const { host, port, user, password } = server;
  return {
    name,
    host,
    port,
    user,
    password,
    url: `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`,
    env: {
      DB_HOST: host,
      DB_PORT: String(port),
      DB_NAME_SERVER: name,
      DB_USER_SERVER: user,
      DB_PASSWORD_SERVER: password,
      DB_USER_ADMIN: user,
      DB_PASSWORD_ADMIN: password,
    },
  };
}

async function asSuperuser(server: PostgresForTests, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

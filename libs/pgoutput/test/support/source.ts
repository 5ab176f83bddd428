import { Secret, type DatabaseConnection } from '@switchyard/shared-db';
import {
  createTestDatabase,
  startPostgres,
  waitFor,
  type PostgresForTests,
  type TestDatabase,
} from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import {
  createSlot,
  openChangeStream,
  parseLsn,
  type ChangeStream,
  type ChangeStreamOptions,
  type CommitEvent,
  type SlotIdentity,
  type StreamEvent,
} from '../../src/index.js';

/** Shown by the server for every stream that a test opens. */
export const APPLICATION = 'switchyard/pgoutput-test';

/** A database whose changes are read, and what a test opens in it. */
export interface Source {
  readonly database: TestDatabase;
  readonly connection: DatabaseConnection;
  /** Runs SQL as superuser and gives the rows. */
  readonly sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** A client of its own, closed after the test. */
  readonly client: () => Promise<pg.Client>;
  /** Makes a publication of all tables, or of those given, and a slot for it. */
  readonly slot: (name: string, tables?: string) => Promise<SlotIdentity>;
  /** Opens a stream that begins at the creation of the slot, or at `applied`; closed after the test. */
  readonly open: (identity: SlotIdentity, options?: Partial<ChangeStreamOptions>) => Promise<ChangeStream>;
}

/** A database for the calling file on the server given. After each test its slots are dropped; a session that is left fails it. */
export function useSource(server: () => PostgresForTests): () => Source {
  let source: Source | undefined;
  const clients: pg.Client[] = [];
  const streams: ChangeStream[] = [];

  const connect = async (url: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    const database = await createTestDatabase({ server: server() });
    let main: pg.Client | undefined;
    const sql: Source['sql'] = async (text, values = []) => {
      if (main === undefined) {
        main = await connectAlone(database.url);
        // A server that a test takes away comes back.
        main.once('end', () => (main = undefined));
      }
      return (await main.query<Record<string, unknown>>(text, values)).rows;
    };
    const connection: DatabaseConnection = {
      host: database.host,
      port: database.port,
      database: database.name,
      user: database.user,
      password: new Secret(database.password),
      ssl: { mode: 'disable' },
    };
    source = {
      database,
      connection,
      sql,
      client: () => connect(database.url),
      slot: async (name, tables = 'all tables') => {
        await sql(`create publication ${name} for ${tables}`);
        const [session, observer] = [await connect(database.url), await connect(database.url)];
        return createSlot({ slot: name, publications: [name], session, observer });
      },
      open: async (identity, options = {}) => {
        const stream = await openChangeStream({
          connection,
          applicationName: APPLICATION,
          identity,
          applied: parseLsn(identity.createdAt),
          publications: [identity.slot],
          ...options,
        });
        streams.push(stream);
        return stream;
      },
    };
    ended.push(async () => {
      await main?.end().catch(() => undefined);
      await database.drop();
    });
  });
  const ended: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(streams.splice(0).map((stream) => stream.close()));
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
    const { sql } = current();
    await waitFor(async () => (await sessionsOfStreams(sql)) === 0, { what: 'the end of every stream' });
    await sql(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
    );
  });
  afterAll(async () => {
    for (const end of ended) await end();
  });
  const current = (): Source => {
    if (source === undefined) throw new Error('the database is not there yet');
    return source;
  };
  return current;
}

async function connectAlone(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function sessionsOfStreams(sql: Source['sql']): Promise<number> {
  const [row] = await sql('select count(*)::int as n from pg_stat_activity where application_name = $1', [APPLICATION]);
  return Number(row?.['n']);
}

/** A server of the oldest major for the calling file. */
export function useOldestServer(settings: Readonly<Record<string, string>> = {}): () => PostgresForTests {
  let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
  beforeAll(async () => {
    server = await startPostgres({ major: 15, settings });
  });
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error('the server is not there yet');
    return server;
  };
}

/** What a test has not looked at yet of the last delivery. */
const left = new WeakMap<ChangeStream, readonly StreamEvent[]>();

/** Reads until `isLast` holds for an event; gives everything up to it, flat. */
export async function readUntil(stream: ChangeStream, isLast: (event: StreamEvent) => boolean): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for (;;) {
    const events = left.get(stream) ?? (await nextOf(stream));
    left.delete(stream);
    const last = events.findIndex(isLast);
    if (last === -1) all.push(...events);
    else {
      left.set(stream, events.slice(last + 1));
      return [...all, ...events.slice(0, last + 1)];
    }
  }
}

async function nextOf(stream: ChangeStream): Promise<readonly StreamEvent[]> {
  const { done, value } = await stream.next();
  if (done === true) throw new Error('the stream ended too early');
  return value;
}

/** Reads so many transactions. */
export function readTransactions(stream: ChangeStream, count: number): Promise<StreamEvent[]> {
  let commits = 0;
  return readUntil(stream, ({ kind }) => kind === 'commit' && ++commits === count);
}

/** What a promise rejects with, listened to at once. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

/** Position after the last transaction of a list. */
export function endOf(events: readonly StreamEvent[]): bigint {
  const commit = events.findLast((event): event is CommitEvent => event.kind === 'commit');
  expect(commit).toBeDefined();
  return commit?.endLsn ?? 0n;
}

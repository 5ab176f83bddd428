import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ownFolder, serverUser, startCluster, type Cluster } from '@switchyard/local-stack';
import { createTestDatabase, waitFor, type PostgresForTests } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slotState, type ChangeStream, type QueryPort, type StreamEvent } from '../src/index.js';
import { startSilentProxy } from './support/silent-proxy.js';
import { APPLICATION, endOf, readTransactions, readUntil, rejection, useSource } from './support/source.js';

const folders: string[] = [];
let cluster: Cluster | undefined;
let restart: () => Promise<void>;
let log: () => Promise<string>;
const password = randomBytes(12).toString('hex');
const server = (): PostgresForTests => {
  if (cluster === undefined) throw new Error('the server is not there yet');
  const { host, port, url } = cluster;
  return { host, port, url, user: 'postgres', password };
};

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-pgoutput-'));
  folders.push(folder);
  await chmod(folder, 0o711); // the server runs as another user when we are root
  const dataDir = join(folder, 'data');
  const logFile = join(folder, 'server.log');
  await ownFolder(dataDir, await serverUser());
  const settings = { wal_level: 'logical', fsync: 'off', wal_sender_timeout: '2s', logical_decoding_work_mem: '64kB' };
  cluster = await startCluster({ dataDir, password, logFile, settings });
  const { port } = cluster;
  restart = async () => {
    cluster = await startCluster({ dataDir, password, logFile, settings, port });
  };
  log = () => readFile(logFile, 'utf8');
});
afterAll(async () => {
  await cluster?.stop();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

const source = useSource(server);
const db = (): QueryPort => ({ query: async (text, values) => ({ rows: await source().sql(text, values) }) });
const idsOf = (events: readonly StreamEvent[]): unknown[] =>
  events.flatMap((event) => (event.kind === 'insert' ? [Number(event.row[0])] : []));
const table = async (name: string): Promise<void> => {
  await source().sql(`create table ${name} (id int primary key, filler text)`);
};
/** Reads in the background and keeps what came; `end` settles with what ended it. */
function follow(stream: ChangeStream): { readonly ids: unknown[]; readonly end: Promise<unknown> } {
  const ids: unknown[] = [];
  const end = (async () => {
    try {
      for await (const events of stream) ids.push(...idsOf(events));
      return 'done';
    } catch (error) {
      return error;
    }
  })();
  return { ids, end };
}

describe('a stream whose connection is lost', () => {
  test('ends with one error when its process of the server is ended, and goes on where it was', async () => {
    const { sql, slot, open } = source();
    await table('ended');
    const identity = await slot('ended', 'table ended');
    const stream = await open(identity);
    await sql('insert into ended values (1)');
    const applied = endOf(await readTransactions(stream, 1));
    stream.acknowledge(applied);
    await sql('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1', ['ended']);
    const error = await follow(stream).end;
    expect(error).toMatchObject({ code: 'DatabaseUnreachable', retryable: true });
    expect(await stream.next().catch((again: unknown) => again)).toBe(error);
    stream.acknowledge(applied); // too late, and no harm
    await sql('insert into ended values (2)');
    expect(idsOf(await readTransactions(await open(identity, { applied }), 1))).toEqual([2]);
  });

  test('loses nothing and repeats only what was not applied when the server crashes in the middle', async () => {
    const { sql, slot, open } = source();
    await table('crashed');
    const identity = await slot('crashed', 'table crashed');
    const first = await open(identity);
    await sql('insert into crashed values (1)');
    const applied = endOf(await readTransactions(first, 1));
    await sql('insert into crashed select i from generate_series(2, 5000) i');
    const [row] = await sql('select pid from pg_stat_activity where application_name = $1', [APPLICATION]);
    const { end } = follow(first);
    process.kill(Number(row?.['pid']), 'SIGKILL'); // one killed process takes all others down
    expect(await end).toMatchObject({ code: 'DatabaseUnreachable', retryable: true });
    const second = await waitFor(() => open(identity, { applied }), { what: 'the server after its crash' });
    const ids = idsOf(await readTransactions(second, 1));
    expect(ids).toEqual(Array.from({ length: 4_999 }, (_, i) => i + 2));
  });

  test('lets a server shut down that waits for its readers, and follows it after its start', async () => {
    const { sql, slot, open, database } = source();
    await table('restarted');
    const identity = await slot('restarted', 'table restarted');
    const stream = await open(identity);
    await sql('insert into restarted values (1)');
    let applied = 0n;
    const reading = (async () => {
      for await (const events of stream)
        for (const event of events) {
          if (event.kind === 'commit') applied = event.endLsn;
          if (event.kind === 'idle') applied = event.lsn;
          if (applied > 0n) stream.acknowledge(applied);
        }
    })();
    const lost = rejection(reading);
    const elsewhere = await createTestDatabase({ server: server() });
    expect(elsewhere.name).not.toBe(database.name); // its making is log that the stream never sees
    await cluster?.stop();
    expect(await lost).toMatchObject({ code: 'DatabaseUnreachable' });
    // After fifteen seconds the server would have been killed, which it cannot log.
    expect(await log()).toContain('database system is shut down');
    await restart();
    await sql('insert into restarted values (2)');
    expect(idsOf(await readTransactions(await open(identity, { applied }), 1))).toEqual([2]);
    await elsewhere.drop();
  });

  test('notices a server that vanished without a word', async () => {
    const { sql, slot, open, connection } = source();
    await table('vanished');
    const identity = await slot('vanished', 'table vanished');
    await using proxy = await startSilentProxy(server());
    const stream = await open(identity, { connection: { ...connection, port: proxy.port }, silenceMs: 1_500 });
    await sql('insert into vanished values (1)');
    await readTransactions(stream, 1);
    proxy.fallSilent();
    await expect(stream.next()).rejects.toMatchObject({
      code: 'DatabaseUnreachable',
      message: expect.stringContaining('did not answer'),
    });
    await stream.close();
    await proxy[Symbol.asyncDispose]();
  });
});

describe('a stream that is ended', () => {
  test('in the middle of a large transaction is over for both sides', async () => {
    const { sql, slot, open } = source();
    await table('halted');
    const identity = await slot('halted', 'table halted');
    await sql(`insert into halted select i, repeat('x', 200) from generate_series(1, 200000) i`);
    const stream = await open(identity, { bufferBytes: 1_000_000, closeMs: 200 });
    const { done } = await stream.next();
    expect(done).toBe(false);
    await Promise.all([stream.close(), stream.close(), stream.return?.()]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await waitFor(async () => (await slotState(db(), 'halted'))?.isActive === false, { what: 'the end at the server' });
  });

  test('by leaving the loop is closed, also when the loop threw', async () => {
    const { sql, slot, open } = source();
    await table('left_alone');
    const identity = await slot('left_alone', 'table left_alone');
    await sql('insert into left_alone values (1)');
    const leave = async (): Promise<void> => {
      for await (const events of await open(identity)) if (events.length > 0) throw new Error('the consumer gave up');
    };
    await expect(leave()).rejects.toThrow('the consumer gave up');
    expect((await slotState(db(), 'left_alone'))?.isActive).toBe(false);
  });

  test('by its signal tells the server what was acknowledged and gives the reason', async () => {
    const { sql, slot, open } = source();
    await table('aborted');
    const identity = await slot('aborted', 'table aborted');
    const controller = new AbortController();
    const stream = await open(identity, { signal: controller.signal });
    await sql('insert into aborted values (1)');
    const end = endOf(await readTransactions(stream, 1));
    stream.acknowledge(end);
    const reason = new Error('the worker stops');
    const reading = stream.next();
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect((await slotState(db(), 'aborted'))?.confirmedFlushLsn).toBe(end);
  });

  test('before it began, or while it waits for the slot, leaves nothing behind', async () => {
    const { slot, open } = source();
    const identity = await slot('waited_for');
    await expect(open(identity, { signal: AbortSignal.abort(new Error('never wanted')) })).rejects.toThrow(
      'never wanted',
    );
    await open(identity);
    const controller = new AbortController();
    const waiting = open(identity, { signal: controller.signal });
    const stopped = rejection(waiting);
    await waitFor(
      async () => {
        const rows = await source().sql('select pid from pg_stat_activity where application_name = $1', [APPLICATION]);
        return rows.length === 2;
      },
      { what: 'the second session' },
    );
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    expect(await stopped).toBe(reason);
  });

  test('while everything else happens at once has one end, whichever comes first', async () => {
    const { sql, slot, open } = source();
    await table('hectic');
    const identity = await slot('hectic', 'table hectic');
    await sql(`insert into hectic select i, repeat('x', 100) from generate_series(1, 20000) i`);
    const directory = await mkdtemp(join(tmpdir(), 'switchyard-spool-'));
    folders.push(directory);
    for (let round = 0; round < 12; round++) {
      const controller = new AbortController();
      const spool = round % 2 === 0 ? {} : { spool: { directory } };
      const stream = await open(identity, { bufferBytes: 50_000, signal: controller.signal, ...spool });
      const { end } = follow(stream);
      const ways = [
        () => stream.close(),
        () => controller.abort(new Error('aborted')),
        () => sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'hectic'`),
      ];
      const turned = [...ways.slice(round % 3), ...ways.slice(0, round % 3)];
      await Promise.all(turned.map(async (way) => way()));
      const outcome = await end;
      expect(outcome === 'done' || outcome instanceof Error).toBe(true);
      expect(await readdir(directory)).toEqual([]);
    }
    expect(idsOf(await readTransactions(await open(identity), 1))).toHaveLength(20_000);
  });
});

describe('a listener', () => {
  test('that throws or rejects does not disturb the stream, and the figures add up', async () => {
    const { sql, slot, open } = source();
    await table('measured');
    const identity = await slot('measured', 'table measured');
    const figures = { bytes: 0, messages: 0, transactions: 0, lsn: 0n, acknowledged: [] as bigint[] };
    const stream = await open(identity, {
      listeners: {
        received: ({ bytes, messages, transactions, lsn }) => {
          figures.bytes += bytes;
          figures.messages += messages;
          figures.transactions += transactions;
          figures.lsn = lsn;
          throw new Error('a listener with a mistake');
        },
        // oxlint-disable-next-line typescript/no-misused-promises -- a mistake that the compiler lets pass
        acknowledged: async ({ lsn }) => {
          figures.acknowledged.push(lsn);
          await Promise.reject(new Error('another one'));
        },
      },
    });
    await sql('insert into measured values (1)');
    await sql('insert into measured values (2)');
    const end = endOf(await readTransactions(stream, 2));
    stream.acknowledge(end);
    await stream.close();
    expect(figures.transactions).toBe(2);
    expect(figures.messages).toBeGreaterThanOrEqual(7); // begin, row, commit; one relation
    expect(figures.bytes).toBeGreaterThan(200);
    expect(figures.lsn).toBeGreaterThanOrEqual(end);
    expect(figures.acknowledged.at(-1)).toBe(end);
  });
});

describe('a full disk', () => {
  test('ends the stream with the reason, and the transaction comes again', async () => {
    const { slot, open, client, database } = source();
    await table('on_disk');
    const identity = await slot('on_disk', 'table on_disk');
    const directory = await mkdtemp(join(tmpdir(), 'switchyard-spool-'));
    folders.push(directory);
    const large = await client();
    await large.query(`begin; insert into on_disk select i, repeat('x', 60) from generate_series(1, 5000) i`);
    // A process whose files may not grow past 64 kB: a limit that the system keeps, as it does for a full disk.
    const fixture = join(import.meta.dirname, 'fixtures', 'read-with-spool.mjs');
    const child = promisify(execFile)(
      'sh',
      ['-c', `trap '' XFSZ; ulimit -f 128; exec "$0" "$@"`, process.execPath, fixture, directory],
      { env: { ...process.env, SOURCE_URL: database.url, IDENTITY: JSON.stringify(identity) } },
    );
    const { stdout } = await child;
    expect(JSON.parse(stdout)).toMatchObject({ code: 'Internal', retryable: true, details: { errno: 'EFBIG' } });
    expect(await readdir(directory)).toEqual([]);
    await large.query('commit');
    const events = await readUntil(await open(identity, { spool: { directory } }), ({ kind }) => kind === 'commit');
    expect(idsOf(events)).toHaveLength(5_000);
  });
});

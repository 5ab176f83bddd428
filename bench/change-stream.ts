import { setTimeout as sleep } from 'node:timers/promises';
import { createSlot, keyReader, openChangeStream, parseLsn, type ChangeStream } from '@switchyard/pgoutput';
import { parseDatabaseUrl } from '@switchyard/shared-db';
import { startPostgres } from '@switchyard/testkit/servers';
import pg from 'pg';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';

const PUBLICATION = 'bench';
const MEGABYTE = 1_000_000;

/** How fast the changes of a real server are read, and what a consumer that stands still costs; `n` is the thousands of rows. */
export function changeStream({
  n = 300,
  stallMs = 10_000,
}: { n?: number; stallMs?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'change-stream',
      about: `keys read per second from the log of PostgreSQL: ${n} thousand rows in one transaction each, then in one, then left lying`,
    },
    async () => {
      await using server = await startPostgres();
      const [sql, observer] = [new pg.Client(server.url), new pg.Client(server.url)];
      await Promise.all([sql.connect(), observer.connect()]);
      try {
        await sql.query(
          'create table people (id int primary key, first text, last text, at timestamptz default now())',
        );
        await sql.query(`create publication ${PUBLICATION} for table people`);
        const open = async (slot: string, fill: string): Promise<ChangeStream> => {
          const identity = await createSlot({ slot, publications: [PUBLICATION], session: sql, observer });
          await sql.query(fill);
          return openChangeStream({
            connection: parseDatabaseUrl(server.url),
            applicationName: 'switchyard/bench',
            identity,
            applied: parseLsn(identity.createdAt),
            publications: [PUBLICATION],
          });
        };
        const rows = n * 1_000;
        const insert = `insert into people (id, first, last) values (i, 'Ada', 'Lovelace');`;
        const single = await read(
          await open('single', `do $$ begin for i in 1..${rows} loop ${insert} commit; end loop; end $$`),
          rows,
        );
        const whole = await read(await open('whole', `update people set last = 'King'`), rows);
        const backlog = await open('stalled', `update people set first = repeat('x', 400)`);
        await sleep(stallMs);
        const stalledMb = Math.round(process.memoryUsage.rss() / MEGABYTE);
        await read(backlog, rows);
        return {
          figures: [
            figure('one-row transactions', single.perSecond, 'rows/s'),
            figure('one-row transactions, per second of processor time', single.perCpuSecond, 'rows/s'),
            figure('one transaction', whole.perSecond, 'rows/s'),
            figure('one transaction, per second of processor time', whole.perCpuSecond, 'rows/s'),
            figure('memory with a consumer that stands still', stalledMb, 'MB', { below: 300 }),
          ],
          details: { single, whole, rows },
        };
      } finally {
        await Promise.all([sql.end(), observer.end()]);
      }
    },
  );
}

/** Reads so many rows and their keys, as a worker would. The server is another process: its time is not counted. */
async function read(stream: ChangeStream, rows: number) {
  const keyOf = keyReader(['id']);
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let seen = 0;
  let deliveries = 0;
  for await (const events of stream) {
    deliveries += 1;
    for (const event of events) {
      if (event.kind === 'commit') stream.acknowledge(event.endLsn);
      else if (event.kind === 'insert' || event.kind === 'update') {
        keyOf(event);
        seen += 1;
      }
    }
    if (seen >= rows) break;
  }
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  const perSecond = (each: number): number => Math.round((seen / each) * 1_000);
  return { perSecond: perSecond(ms), perCpuSecond: perSecond((user + system) / 1_000), deliveries, ms: Math.round(ms) };
}

if (import.meta.main) await printBenchmark(changeStream);

import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import type { Failure } from './latency.ts';
import { PLANS, TABLE } from './table.ts';
import type { FromWriter, Speech, ToWriter, WriterData } from './writer.ts';

const { url, rows, perSecond, rowsPerWrite, connections, speech: first } = workerData as WriterData;
const port = parentPort;
if (port === null) throw new Error('this is the thread of a writer, and no program');
const answer = (message: FromWriter): void => port.postMessage(message);

const TICK_MS = 1;
const LOOK_MS = 5;
const due: number[] = [];
const ms: number[] = [];
const failures: Failure[] = [];
/** Writes whose time has come and that no connection was free for. */
const waiting: number[] = [];
const free: pg.Client[] = [];
let speech: Speech = first;
/** Writes that were begun and not answered, by the shape in which they were begun. */
const atWork = new Map<Speech, number>();
const searchPaths = new Map<pg.Client, string>();

const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: url }));
for (const client of clients) client.on('error', () => undefined);
await Promise.all(clients.map((client) => client.connect()));
free.push(...clients);

let next = performance.now();
const ticking = setInterval(() => {
  for (const now = performance.now(); next <= now; next += 1_000 / perSecond) waiting.push(next);
  pump();
}, TICK_MS);
answer({ kind: 'writing' });

port.on('message', (message: ToWriter) => void (message.kind === 'stop' ? stop() : speak(message.speech)));

function pump(): void {
  while (waiting.length > 0) {
    const client = free.pop();
    const at = waiting[0];
    if (client === undefined || at === undefined) {
      if (client) free.push(client);
      return;
    }
    waiting.shift();
    void write(client, at);
  }
}

async function write(client: pg.Client, at: number): Promise<void> {
  const wasDue = performance.timeOrigin + at;
  const spoken = speech;
  atWork.set(spoken, (atWork.get(spoken) ?? 0) + 1);
  try {
    if (searchPaths.get(client) !== spoken.searchPath) {
      await client.query(`set search_path to ${spoken.searchPath}`);
      searchPaths.set(client, spoken.searchPath);
    }
    await client.query(statement(spoken));
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    failures.push({ due: wasDue, message: `${code} ${message}` });
  }
  due.push(wasDue);
  ms.push(performance.now() - at);
  atWork.set(spoken, (atWork.get(spoken) ?? 0) - 1);
  free.push(client);
  pump();
}

/** Nobody waits for it: each connection goes over with its next write. */
async function speak(to: Speech): Promise<void> {
  const before = speech;
  speech = to;
  // oxlint-disable-next-line no-await-in-loop -- until all are answered
  while ((atWork.get(before) ?? 0) > 0) await sleep(LOOK_MS);
  answer({ kind: 'spoken' });
}

async function stop(): Promise<void> {
  clearInterval(ticking);
  // What was due and did not get its turn is answered, too: it waited.
  // oxlint-disable-next-line no-await-in-loop -- until all are answered
  while (free.length < clients.length || waiting.length > 0) await sleep(LOOK_MS);
  await Promise.all(clients.map((client) => client.end()));
  answer({
    kind: 'stopped',
    writes: { due: Float64Array.from(due), ms: Float64Array.from(ms), failures },
  });
  port?.close();
}

/** One write. Every one that sets the plan tells the witness, too. */
function statement(spoken: Speech): pg.QueryConfig {
  const code = 1 + Math.floor(Math.random() * PLANS.length);
  const plan = PLANS[code - 1];
  const set = [
    { column: spoken.text, type: 'text', value: plan },
    { column: spoken.code, type: 'smallint', value: code },
    { column: 'witness', type: 'text', value: plan },
  ].filter(({ column }) => column !== null);
  const columns = set.map(({ column }) => column).join(', ');
  const parameters = set.map(({ type }, i) => `$${i + 1}::${type}`).join(', ');
  const values = set.map(({ value }) => value);
  const key = 1 + Math.floor(Math.random() * Math.max(1, rows - rowsPerWrite));
  const dice = rowsPerWrite > 1 ? 0 : Math.random();
  if (dice < 0.75) {
    const [from, to] = [`$${set.length + 1}::bigint`, `$${set.length + 2}::bigint`];
    return {
      text: `update ${TABLE} set (${columns}) = row(${parameters}) where id between ${from} and ${to}`,
      values: [...values, key, key + rowsPerWrite - 1],
    };
  }
  if (dice < 0.95) {
    return {
      text: `insert into ${TABLE} (name, email, city, note, ${columns})
        values ('New', 'new@example.com', 'City', 'x', ${parameters})`,
      values,
    };
  }
  return { text: `delete from ${TABLE} where id = $1::bigint`, values: [key] };
}

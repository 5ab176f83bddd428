import { readFile } from 'node:fs/promises';
import { readEvents, type Store } from '@switchyard/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorld, play, type WorkerProcess, type World } from './world.js';

let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const LINES = 100_000;
/** Room for events that wait for the database (32 Mi characters at most) and for what the collector has not taken yet. */
const MOST_MEGABYTES = 250;

const statusOf = async ({ child }: WorkerProcess, field: 'VmRSS' | 'VmHWM'): Promise<number> => {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
};

async function* linesOf({ db }: Store, runId: string): AsyncGenerator<string> {
  for (let after = 0; ;) {
    const events = await readEvents(db, { runId, types: ['line'], after, limit: 10_000 });
    yield* events.map(({ message }) => message);
    const last = events.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}

test('every one of 100,000 lines of output is kept in order, the result of its task is cut, and the worker stays small', async () => {
  await world.file(
    'lines.yml',
    play(`- raw: seq ${LINES}\n  register: out\n- debug: { msg: "{{ out.stdout_lines }}" }`),
  );
  const before = await statusOf(worker, 'VmRSS');
  const handle = await world.start({ playbook: 'lines.yml', inventory: { groups: { g: { hosts: { a: null } } } } });
  expect(await handle.result()).toMatchObject({ verdict: 'successful', hosts: { a: { outcome: 'ok', ok: 2 } } });
  expect((await statusOf(worker, 'VmHWM')) - before).toBeLessThan(MOST_MEGABYTES);

  const numbers: number[] = [];
  for await (const line of linesOf(world.store, handle.workflowId)) {
    const number = /^\s+"(\d+)",?$/.exec(line)?.[1];
    if (number !== undefined) numbers.push(Number(number));
  }
  expect(numbers).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));

  const events = await readEvents(world.store.db, { runId: handle.workflowId, types: ['host_ok'], limit: 10 });
  expect(events).toHaveLength(2);
  const [raw] = events.map((event) => JSON.stringify(event));
  expect(raw).toContain('[cut]');
  expect(Math.max(...events.map((event) => JSON.stringify(event).length))).toBeLessThan(64 * 1024);
});

test('a play over 400 hosts is told host by host, and the worker stays small', async () => {
  const hosts = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`h${i}`, null]));
  await world.file('many.yml', play('- debug: { msg: hello }\n- debug: { msg: again }\n- debug: { msg: bye }'));
  const before = await statusOf(worker, 'VmRSS');
  const handle = await world.start({
    playbook: 'many.yml',
    inventory: { groups: { g: { hosts } } },
    batchSize: 200,
    maxParallel: 2,
  });
  expect(await handle.result()).toMatchObject({ verdict: 'successful', batches: 2 });
  expect((await statusOf(worker, 'VmHWM')) - before).toBeLessThan(MOST_MEGABYTES);
  const told = await readEvents(world.store.db, { runId: handle.workflowId, types: ['host_ok'], limit: 10_000 });
  expect(told).toHaveLength(1_200);
  expect(told.map(({ seq }) => seq)).toEqual(told.map(({ seq }) => seq).toSorted((a, b) => a - b));
});

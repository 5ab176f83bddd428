import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTemporal } from '@switchyard/testkit';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { History } from '../src/runs/history/read-history.js';
import { executionsOf } from '../src/runs/replay/executions.js';
import { quietRuntime, replayHistory, replayWith } from '../src/runs/replay/replay-history.js';

let folder: string;
let history: History;
/** Executions of a run that went on as a new one, whose children did, too: workflow, depth and whether it could be read. */
const seen: (readonly [workflowId: string, depth: number, events: boolean])[] = [];
const bundle = (name: string): string => join(folder, `${name}.js`);
const bundled = async (name: string): Promise<string> => {
  const workflowsPath = fileURLToPath(new URL(`fixtures/replay/${name}.ts`, import.meta.url));
  return (await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })).code;
};

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'cli-replay-'));
  for (const name of ['recorded', 'changed']) {
    await writeFile(bundle(name), await bundled(name));
  }
  await using server = await startTemporal();
  const { address, namespace } = server;
  const connection = await Connection.connect({ address });
  const nativeConnection = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const worker = await Worker.create({
    connection: nativeConnection,
    namespace,
    taskQueue: 'noted',
    workflowBundle: { codePath: bundle('recorded') },
    activities: { note: () => Promise.resolve() },
  });
  await worker.runUntil(async () => {
    await client.workflow.execute('Noted', { taskQueue: 'noted', workflowId: 'noted' });
    await client.workflow.execute('Parent', { taskQueue: 'noted', workflowId: 'parent', args: [1] });
  });
  const run = await client.workflow.getHandle('noted').describe();
  for await (const execution of executionsOf(client, run, { withChildren: true }))
    if (execution.history) ({ history } = execution);
  const parent = await client.workflow.getHandle('parent').describe();
  for await (const { workflowId, depth, history: read } of executionsOf(client, parent, { withChildren: true }))
    seen.push([workflowId, depth, read !== null]);
  await connection.close();
  await nativeConnection.close();
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

it('a history fits the code that wrote it', async () => {
  expect(await replayHistory(history, replayWith(bundle('recorded'), 'noted'))).toBeNull();
});

it('code that has lost a timer differs at the event of that timer', async () => {
  const difference = await replayHistory(history, replayWith(bundle('changed'), 'noted'));
  const timers = (history.events ?? []).filter((event) => event.timerStartedEventAttributes);
  expect(difference).toMatchObject({
    event: Number(timers[1]?.eventId),
    name: 'TimerStarted',
    message: expect.stringContaining('TMPRL1100') as string,
  });
});

it('code without the workflow differs from the beginning', async () => {
  await writeFile(bundle('empty'), await bundled('empty'));
  const difference = await replayHistory(history, replayWith(bundle('empty'), 'noted'));
  expect(difference?.message).toContain('no such function is exported');
});

it('the executions that a run and its children went on as all belong to it, in their order', () => {
  expect(seen).toEqual([
    ['parent', 0, true],
    ['rolling-1', 1, true],
    ['rolling-1', 1, true],
    ['rolling-1', 1, true],
    ['parent', 0, true],
    ['rolling-0', 1, true],
    ['rolling-0', 1, true],
    ['rolling-0', 1, true],
  ]);
});

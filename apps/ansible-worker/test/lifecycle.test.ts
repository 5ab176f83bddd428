import { access, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ansibleResultSchema } from '@switchyard/contracts';
import { hostsOf, latestExecution } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failureOf, openWorld, play, processesOf, statusOf, type WorkerProcess, type World } from './world.js';

let world: World;
let worker: WorkerProcess;

const startWorker = (): Promise<WorkerProcess> => world.startWorker();

beforeAll(async () => {
  world = await openWorld();
  worker = await startWorker();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await Promise.all(['ran.txt', 'mended'].map((name) => rm(path.join(world.root, name), { force: true })));
});

const RAN = '- raw: echo {{ inventory_hostname }} >> {{ playbook_dir }}/ran.txt';
const inventory = (...names: string[]) => ({
  groups: { g: { hosts: Object.fromEntries(names.map((name) => [name, null])) } },
});
const ran = async (): Promise<string[]> => (await world.read('ran.txt')).split('\n').filter(Boolean).toSorted();
const mend = (): Promise<void> => writeFile(path.join(world.root, 'mended'), '');
const BREAKS_B = '- raw: test {{ inventory_hostname }} != b || test -e {{ playbook_dir }}/mended';

async function ledgerOf(workflowId: string): Promise<Record<string, string>> {
  const execution = await latestExecution(world.store.db, { runId: workflowId });
  const rows = execution ? await hostsOf(world.store.db, { executionId: execution.executionId }) : [];
  return Object.fromEntries(rows.map(({ host, state }) => [host, state]));
}

describe('batches', () => {
  test('slice the hosts, and each host runs once', async () => {
    await world.file('batches.yml', play(RAN));
    const handle = await world.start({
      playbook: 'batches.yml',
      inventory: inventory('a', 'b', 'c', 'd', 'e'),
      batchSize: 2,
      maxParallel: 2,
    });
    const result = ansibleResultSchema.parse(await handle.result());
    expect(result).toMatchObject({ verdict: 'successful', batches: 3, failedHosts: [] });
    expect(Object.keys(result.hosts)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await ran()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const { steps } = await statusOf(handle);
    expect(steps.map(({ id, state }) => [id, state])).toEqual([
      ['playbook', 'done'],
      ['batch-1', 'done'],
      ['batch-2', 'done'],
      ['batch-3', 'done'],
    ]);
  });

  test('are not made of a play whose hosts know of each other, and the run says why', async () => {
    await world.file('whole.yml', play(`${RAN}\n- raw: echo once\n  run_once: true`));
    const handle = await world.start({ playbook: 'whole.yml', inventory: inventory('a', 'b', 'c'), batchSize: 2 });
    expect(await handle.result()).toMatchObject({ verdict: 'successful', batches: 1 });
    expect(await ran()).toEqual(['a', 'b', 'c']);
    const said = (await world.events(handle.workflowId)).find(({ type }) => type === 'batch_whole');
    expect(said).toMatchObject({ level: 'warning' });
    expect(said?.message).toContain('run_once');
  });

  test('stop when more hosts failed than maxFailPercentage allows', async () => {
    await world.file('stop.yml', play(`${RAN}\n- raw: exit 1`));
    const input = {
      playbook: 'stop.yml',
      inventory: inventory('a', 'b', 'c', 'd'),
      batchSize: 1,
      maxParallel: 1,
      maxFailPercentage: 20,
    };
    const failure = await failureOf(world.run({ ...input, retry: { attempts: 1 } }));
    expect(failure.code).toBe('AnsibleHostsFailed');
    expect(failure.details.hosts).toMatchObject({
      a: { outcome: 'failed' },
      b: { outcome: 'not-started' },
      d: { outcome: 'not-started' },
    });
    expect(await ran()).toEqual(['a']);
  });
});

describe('retries', () => {
  test('run failed hosts only, and the result has all of them', async () => {
    await world.file(
      'retry.yml',
      play(
        `${RAN}\n- raw: test {{ inventory_hostname }} != b || test -e {{ playbook_dir }}/mended || (touch {{ playbook_dir }}/mended; exit 1)`,
      ),
    );
    const handle = await world.start({
      playbook: 'retry.yml',
      inventory: inventory('a', 'b'),
      retry: { attempts: 3, delay: '10ms' },
    });
    expect(await handle.result()).toMatchObject({
      verdict: 'successful',
      hosts: { a: { outcome: 'ok' }, b: { outcome: 'ok' } },
    });
    expect(await ran()).toEqual(['a', 'b', 'b']);
    expect(await ledgerOf(handle.workflowId)).toEqual({ a: 'ok', b: 'ok' });
  });

  test('run all hosts again when the caller says so', async () => {
    await world.file(
      'all.yml',
      play(
        `${RAN}\n- raw: test {{ inventory_hostname }} != b || test -e {{ playbook_dir }}/mended || (touch {{ playbook_dir }}/mended; exit 1)`,
      ),
    );
    const result = await world.run({
      playbook: 'all.yml',
      inventory: inventory('a', 'b'),
      retry: { attempts: 2, only: 'all', delay: 0 },
    });
    expect(result.verdict).toBe('successful');
    expect(await ran()).toEqual(['a', 'a', 'b', 'b']);
  });

  test('take up a finished run on the hosts that failed, with what the old run was given', async () => {
    await world.file('again.yml', play(`${RAN}\n${BREAKS_B}\n- raw: test {{ release }} = 1.4`));
    const old = await world.start({
      playbook: 'again.yml',
      inventory: inventory('a', 'b', 'c'),
      extraVars: { release: '1.4' },
      batchSize: 2,
      retry: { attempts: 1 },
    });
    expect((await failureOf(old.result())).details.failedHosts).toEqual(['b']);
    await mend();
    const result = await world.run({ retryOf: old.workflowId });
    expect(result).toMatchObject({ verdict: 'successful', hosts: { b: { outcome: 'ok' } } });
    expect(Object.keys(result.hosts)).toEqual(['b']);
    expect(await ran()).toEqual(['a', 'b', 'b', 'c']);
    const linked = async (runId: string) =>
      (await world.events(runId))
        .filter(({ type }) => type.startsWith('take'))
        .map(({ type, subject }) => [type, subject]);
    expect(await linked(old.workflowId)).toEqual([['taken_up', result.runId]]);
    expect(await linked(result.runId)).toEqual([['takes_up', old.workflowId]]);
    const unreachable = await failureOf(world.run({ retryOf: old.workflowId, only: 'unreachable-hosts' }));
    expect(unreachable.code).toBe('AnsibleNoHostsMatched');
    const nothing = await failureOf(world.run({ retryOf: result.runId }));
    expect(nothing.code).toBe('AnsibleNoHostsMatched');
    const everything = await world.run({ retryOf: old.workflowId, only: 'all', limit: 'a,b' });
    expect(Object.keys(everything.hosts)).toEqual(['a', 'b']);
  });

  test('take up the hosts that a run under way has given up, and leave it the others', async () => {
    const waits = 'test {{ inventory_hostname }} != c || until test -e {{ playbook_dir }}/released; do sleep 0.1; done';
    await world.file('given-up.yml', play(`${RAN}\n${BREAKS_B}\n- raw: ${waits}`));
    const old = await world.start({
      playbook: 'given-up.yml',
      inventory: inventory('a', 'b', 'c'),
      batchSize: 1,
      maxParallel: 3,
      retry: { attempts: 1 },
    });
    await waitFor(async () => (await ledgerOf(old.workflowId))['b'] === 'failed', {
      what: 'a host to fail',
      timeoutMs: 40_000,
    });
    await mend();
    const result = await world.run({ retryOf: old.workflowId });
    expect(result.verdict).toBe('successful');
    expect(Object.keys(result.hosts)).toEqual(['b']);
    await world.file('released', '');
    expect((await failureOf(old.result())).details.failedHosts).toEqual(['b']);
    expect(await ran()).toEqual(['a', 'b', 'b', 'c']);
  });

  test('do not take up what a run under way may still run', async () => {
    await world.file('under-way.yml', play(`${RAN}\n- raw: test -e {{ playbook_dir }}/mended || sleep 60`));
    const old = await world.start({ playbook: 'under-way.yml', inventory: inventory('a', 'b'), batchSize: 1 });
    await waitFor(async () => (await ran()).length > 0, { what: 'the play to begin', timeoutMs: 40_000 });
    expect(await failureOf(world.run({ retryOf: old.workflowId, only: 'unfinished-hosts' }))).toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringContaining('still under way'),
    });
    expect(await failureOf(world.run({ retryOf: old.workflowId }))).toMatchObject({
      code: 'AnsibleNoHostsMatched',
      message: expect.stringContaining('has given up no host yet'),
    });
    await old.cancel();
    expect((await failureOf(old.result())).code).toBe('Cancelled');
    await mend();
    const rest = await world.run({ retryOf: old.workflowId, only: 'unfinished-hosts' });
    expect(Object.keys(rest.hosts)).toEqual(['a', 'b']);
    expect(rest.verdict).toBe('successful');
  });
});

describe('a worker that dies', () => {
  test('by SIGKILL leaves nothing running, and another one runs only what had not finished', async () => {
    await world.file('kill.yml', play(`${RAN}\n- raw: sleep 4`));
    const handle = await world.start({
      playbook: 'kill.yml',
      inventory: inventory('a', 'b', 'c'),
      batchSize: 1,
      maxParallel: 1,
    });
    await waitFor(async () => (await ran()).includes('b'), { what: 'the second host to begin', timeoutMs: 40_000 });
    await worker.kill();
    await waitFor(async () => (await processesOf(handle)) === 0, {
      what: 'the reaper to end the play',
      timeoutMs: 20_000,
    });
    worker = await startWorker();
    expect(await handle.result()).toMatchObject({ verdict: 'successful', batches: 3 });
    const count = (host: string, all: string[]): number => all.filter((name) => name === host).length;
    const all = await ran();
    expect(count('a', all)).toBe(1);
    expect(count('b', all)).toBe(2);
    expect(count('c', all)).toBe(1);
    expect((await world.events(handle.workflowId)).map(({ type }) => type)).toContain('batch_resumed');
    expect(await readdir(path.join(world.workDir, 'ansible'))).toEqual([]);
  }, 120_000);

  test('in the middle of a batch: a host that had ended its last task does not run again', async () => {
    await world.file(
      'early.yml',
      play(`${RAN}\n- raw: test {{ inventory_hostname }} = fast || test -e {{ playbook_dir }}/mended || sleep 60`),
    );
    const handle = await world.start({ playbook: 'early.yml', inventory: inventory('fast', 'slow') });
    await waitFor(async () => (await ledgerOf(handle.workflowId))['fast'] === 'ok', {
      what: 'the fast host to be finished',
      timeoutMs: 40_000,
    });
    await worker.kill();
    await mend();
    worker = await startWorker();
    expect(await handle.result()).toMatchObject({
      verdict: 'successful',
      hosts: { fast: { outcome: 'ok', ok: 2 }, slow: { outcome: 'ok', ok: 2 } },
    });
    expect(await ran()).toEqual(['fast', 'slow', 'slow']);
  }, 120_000);

  test('by SIGTERM ends its play, and another one goes on', async () => {
    await world.file('term.yml', play(`${RAN}\n- raw: test -e {{ playbook_dir }}/mended || sleep 60`));
    const stopping = worker;
    await stopping.stop();
    worker = await world.startWorker({ SWITCHYARD_SHUTDOWN_GRACE: '100ms', SWITCHYARD_SHUTDOWN_FORCE: '30s' });
    const handle = await world.start({ playbook: 'term.yml', inventory: inventory('a') });
    await waitFor(async () => (await ran()).length === 1, { what: 'the play to begin', timeoutMs: 40_000 });
    await worker.stop();
    expect(await processesOf(handle)).toBe(0);
    await mend();
    worker = await startWorker();
    expect(await handle.result()).toMatchObject({ verdict: 'successful' });
    expect(await ran()).toEqual(['a', 'a']);
  }, 120_000);
});

describe('a cancel', () => {
  test('ends what ignores every signal that can be ignored, and says that nothing is left', async () => {
    await world.file('stubborn.yml', play(`${RAN}\n- raw: trap "" INT TERM HUP; while true; do sleep 1; done`));
    const handle = await world.start({ playbook: 'stubborn.yml', inventory: inventory('a') });
    await waitFor(async () => (await ran()).length === 1, { what: 'the play to begin', timeoutMs: 40_000 });
    await handle.cancel();
    expect((await failureOf(handle.result())).code).toBe('Cancelled');
    expect(await processesOf(handle)).toBe(0);
    expect((await statusOf(handle)).steps[0]).toMatchObject({ state: 'failed' });
    expect((await statusOf(handle)).steps[0]?.detail).toContain('nothing left running');
    const said = (await world.events(handle.workflowId)).find(({ type }) => type === 'playbook_cancelled');
    expect(said?.data).toMatchObject({ leftovers: [] });
  });

  test('reaches a background job that left its session', async () => {
    await world.file('async.yml', play('- command: sleep 300\n  async: 400\n  poll: 1', 'localhost'));
    const handle = await world.start('async.yml');
    await waitFor(async () => (await world.events(handle.workflowId)).some(({ type }) => type === 'async_poll'), {
      what: 'the background job',
      timeoutMs: 40_000,
    });
    await handle.executeUpdate('abort', { args: [{ reason: 'enough', by: { identity: 'ada', channel: 'test' } }] });
    expect((await failureOf(handle.result())).code).toBe('Aborted');
    expect(await processesOf(handle)).toBe(0);
  });
});

test('nothing of a run is left in the work directory', async () => {
  await access(world.workDir);
  expect(await readdir(path.join(world.workDir, 'ansible'))).toEqual([]);
});

import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listArtifacts, listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  exists,
  failureOf,
  openWorld,
  processesOf,
  statusOf,
  type StartedRun,
  type World,
  type WorkerProcess,
  toolOf,
} from './world.js';

let world: World;
let workers: WorkerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers = [];
});

const worker = async (): Promise<WorkerProcess> => {
  const started = await world.startWorker();
  workers.push(started);
  return started;
};

const step = (name: string, needs: string | undefined, command: string): string => `
resource "terraform_data" "${name}" {
  ${needs === undefined ? '' : `depends_on = [terraform_data.${needs}]`}
  provisioner "local-exec" { command = "${command}" }
}`;

/** Three resources, one after the other; the middle one takes its time. Each writes its name when it is made. */
const SLOW = [
  step('first', undefined, 'echo first >> made.txt'),
  // Long at first, so that it is still under way whenever the cancel arrives; short when it is made again.
  step(
    'second',
    'first',
    'test -e second-began && sleep 1 || { touch second-began; sleep 30; }; echo second >> made.txt',
  ),
  step('third', 'second', 'echo third >> made.txt'),
].join('\n');

async function inTheMiddle(name: string): Promise<{ handle: StartedRun; file: (f: string) => string; stack: string }> {
  const stack = await world.stack(name, { 'main.tf': SLOW });
  const file = (f: string): string => path.join(world.root, stack, f);
  const handle = await world.start({ stack: { path: stack } });
  await waitFor(() => exists(file('second-began')), { what: 'the second resource to begin' });
  return { handle, file, stack };
}

const made = async (file: string): Promise<string[]> => (await readFile(file, 'utf8')).trim().split('\n');

const resourcesIn = async (file: string): Promise<string[]> => {
  const state = JSON.parse(await readFile(file, 'utf8')) as {
    resources: { name: string; instances: { status?: string }[] }[];
  };
  return state.resources.map(
    ({ name, instances }) => `${name}${instances[0]?.status ? ` ${instances[0].status}` : ''}`,
  );
};

const noneLeft = (handle: StartedRun): Promise<boolean> => processesOf(handle).then((count) => count === 0);

describe('a run that is stopped while it applies', () => {
  it('keeps what it made in the state and leaves no process when it is cancelled', async () => {
    const { workDir } = await worker();
    const { handle, file, stack } = await inTheMiddle('cancelled');
    await handle.cancel();
    expect((await failureOf(handle.result())).code).toMatch(/^Cancelled/);
    expect(await processesOf(handle)).toBe(0);
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second tainted']);
    expect(await listLocks(world.store.db)).toEqual([]);
    expect(await readdir(path.join(workDir, 'terraform'))).toEqual([]);

    // The next run finishes it: what is there stays, what is half-made is made again.
    const result = await world.run({ stack: { path: stack } });
    expect(result.changes).toEqual({ add: 2, change: 0, destroy: 1, replace: 1 });
    expect(await made(file('made.txt'))).toEqual(['first', 'second', 'third']);
  });

  it('keeps what it made when a person aborts it', async () => {
    await worker();
    const { handle, file } = await inTheMiddle('aborted');
    await handle.executeUpdate('abort', {
      args: [{ reason: 'wrong stack', by: { identity: 'ada', channel: 'test' } }],
    });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'Aborted',
      details: { by: 'ada', reason: 'wrong stack' },
    });
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second tainted']);
    expect(await processesOf(handle)).toBe(0);
  });
});

describe('a worker that is lost while it applies', () => {
  it('is replaced: the run ends in the right state, and nothing is made twice', async () => {
    const first = await worker();
    const { handle, file } = await inTheMiddle('killed');
    await first.kill();
    // The reaper interrupts the tool of the dead worker, which saves its state.
    await waitFor(() => noneLeft(handle), { what: 'the tool of the dead worker to end' });
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second tainted']);
    await worker();
    const result = await handle.result();
    expect(result).toMatchObject({ applied: true, changes: { add: 3, change: 0, destroy: 0, replace: 0 } });
    expect(await made(file('made.txt'))).toEqual(['first', 'second', 'third']);
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second', 'third']);
    expect(await noneLeft(handle)).toBe(true);
    expect(await listLocks(world.store.db)).toEqual([]);
    const events = await world.events(handle.workflowId);
    expect(events.find(({ type }) => type === 'apply_reconciled')).toMatchObject({ data: { verdict: 'tainted' } });
    const kept = await listArtifacts(world.store.db, { runId: handle.workflowId });
    const replacements = kept.find(({ name }) => name === 'replacements.txt');
    expect((await world.store.readArtifact({ digest: replacements?.digest ?? '' })).toString('utf8')).toBe(
      '-replace=terraform_data.second\n',
    );
    expect(events.find(({ type }) => type === 'apply_continued')?.message).toContain('2 approved changes');
    expect((await statusOf(handle)).state).toBe('done');
  });

  it('hands the run over when it is asked to stop', async () => {
    const first = await world.startWorker({ SWITCHYARD_SHUTDOWN_GRACE: '200ms', SWITCHYARD_SHUTDOWN_FORCE: '30s' });
    workers.push(first);
    const { handle, file } = await inTheMiddle('drained');
    await Promise.all([first.stop(), worker()]);
    expect(await handle.result()).toMatchObject({ applied: true });
    expect(await made(file('made.txt'))).toEqual(['first', 'second', 'third']);
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second', 'third']);
  });

  it('goes on when only the tool was killed, and the state knows less than was made', async () => {
    await worker();
    const { handle, file } = await inTheMiddle('tool-killed');
    process.kill(await toolOf(handle), 'SIGKILL');
    expect(await handle.result()).toMatchObject({ applied: true });
    expect(await made(file('made.txt'))).toEqual(['first', 'second', 'third']);
    expect(await resourcesIn(file('terraform.tfstate'))).toEqual(['first', 'second', 'third']);
    expect(await noneLeft(handle)).toBe(true);
  });

  it('asks again when what is left is more than was approved', async () => {
    const first = await worker();
    const { handle, file } = await inTheMiddle('grown');
    await first.kill();
    await waitFor(() => noneLeft(handle), { what: 'the tool of the dead worker to end' });
    // Meanwhile the state holds an object that is not in the configuration: nobody approved that it is deleted.
    const state = JSON.parse(await readFile(file('terraform.tfstate'), 'utf8')) as {
      resources: { name: string; type: string }[];
    };
    const [known] = state.resources;
    state.resources.push({ ...known, type: 'terraform_data', name: 'stranger' });
    await writeFile(file('terraform.tfstate'), JSON.stringify(state));
    await worker();
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'TerraformPlanStale',
      details: { notApproved: [{ address: 'terraform_data.stranger', action: 'delete' }] },
    });
    expect(await made(file('made.txt'))).toEqual(['first']);
  });

  it('is replaced while it plans, too', async () => {
    const first = await worker();
    const stack = await world.stack('killed-plan', {
      'main.tf': 'resource "terraform_data" "x" {}',
    });
    const handle = await world.start({ stack: { path: stack } });
    await waitFor(
      async () => (await statusOf(handle)).steps.some(({ id, state }) => id === 'plan' && state !== 'pending'),
      {
        what: 'the plan to begin',
      },
    );
    await first.kill();
    await worker();
    expect(await handle.result()).toMatchObject({ applied: true, changes: { add: 1 } });
  });
});

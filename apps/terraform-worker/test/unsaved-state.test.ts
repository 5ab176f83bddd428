import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunStatus } from '@switchyard/contracts';
import { listArtifacts, listDecisions, listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStateBackend, type KeptState, type StateBackend } from './state-backend.js';
import {
  approve,
  exists,
  failureOf,
  historyOf,
  openGateOf,
  openWorld,
  processesOf,
  statusOf,
  type StartedRun,
  type World,
  type WorkerProcess,
} from './world.js';

const SECRET = 'correct-horse-battery';

let world: World;
let backend: StateBackend;
let workers: WorkerProcess[] = [];

beforeAll(async () => {
  backend = await openStateBackend();
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers = [];
});

const worker = async (): Promise<WorkerProcess> => {
  const started = await world.startWorker();
  workers.push(started);
  return started;
};

const OBJECTS = `
variable "password" {
  default   = "${SECRET}"
  sensitive = true
}
variable "more" { default = 0 }
resource "terraform_data" "x" { input = var.password }
resource "terraform_data" "more" { count = var.more }
output "password" {
  value     = var.password
  sensitive = true
}`;

interface Unsaved {
  readonly handle: StartedRun;
  readonly stack: string;
  readonly state: KeptState;
  readonly gate: RunStatus['gates'][number];
  readonly file: (name: string) => string;
}

/** A run whose apply is over and could not save its state: the gate is open. */
async function unsaved(
  name: string,
  { isFirst = true, approval = {} }: { isFirst?: boolean; approval?: Record<string, unknown> } = {},
): Promise<Unsaved> {
  const state = backend.state(name);
  const stack = await world.stack(name, { 'main.tf': `${state.configuration}\n${OBJECTS}` });
  if (!isFirst) await world.run({ stack: { path: stack } });
  state.refuseToSave(true);
  const handle = await world.start({
    stack: { path: stack },
    vars: { more: 2 },
    approval: { required: 1, ...approval },
  });
  await approve(handle);
  const gate = await openGateOf(handle, 'push-state');
  return { handle, stack, state, gate, file: (of) => path.join(world.root, stack, of) };
}

/** A run whose worker died in the middle of the apply; the interrupted tool could not save its state. */
async function interrupted(name: string): Promise<{ handle: StartedRun; state: KeptState; file: string }> {
  const first = await worker();
  const state = backend.state(name);
  const stack = await world.stack(name, {
    'main.tf': `${state.configuration}
      resource "terraform_data" "first" {}
      resource "terraform_data" "second" {
        depends_on = [terraform_data.first]
        provisioner "local-exec" { command = "touch began; sleep 30" }
      }`,
  });
  state.refuseToSave(true);
  const handle = await world.start({ stack: { path: stack }, approval: { required: 1 } });
  await approve(handle);
  await waitFor(() => exists(path.join(world.root, stack, 'began')), { what: 'the apply to be under way' });
  await first.kill();
  await waitFor(async () => (await processesOf(handle)) === 0, { what: 'the tool of the dead worker to end' });
  return { handle, state, file: path.join(world.root, stack, 'errored.tfstate') };
}

const reject = (handle: StartedRun): Promise<unknown> =>
  handle.executeUpdate('reject', {
    args: [{ gate: 'push-state', reason: 'I look first', by: { identity: 'ada', channel: 'test' } }],
  });

const namesIn = (state: KeptState): string[] => (state.now()?.resources ?? []).map(({ name }) => name).toSorted();

const secretsTold = async (handle: StartedRun): Promise<string[]> => {
  const told = [await historyOf(handle), JSON.stringify(await world.events(handle.workflowId))];
  return [...told, ...workers.map(({ log }) => log())].filter((text) => text.includes(SECRET));
};

describe('an apply that could not save its state', () => {
  it('asks people, pushes what they saw, and ends with a state that is whole', async () => {
    await worker();
    const { handle, stack, state, gate, file } = await unsaved('approved', { isFirst: false });
    expect(gate.shown).toEqual([
      'Push the state that apply could not save: serial 2 over serial 1',
      expect.stringMatching(
        new RegExp(`^lineage ${state.now()?.lineage}, artifact sha256:[0-9a-f]{64}, backend "http"$`),
      ),
      '+ terraform_data.more[0]',
      '+ terraform_data.more[1]',
    ]);
    expect(await statusOf(handle)).toMatchObject({ state: 'waiting', phase: 'push-state' });
    // The stack stays locked: whatever is planned now makes everything twice.
    expect((await failureOf(world.run({ stack: { path: stack }, lockTimeout: '1s' }))).code).toBe('LockUnavailable');
    state.refuseToSave(false);
    await approve(handle, 'grace');
    const { code, message, details } = await failureOf(handle.result());
    expect(code).toBe('TerraformApplyFailed');
    expect(message).toContain('The state was pushed and is whole (serial 3)');
    expect(details).toMatchObject({ stateSaved: true, stateSerial: 3, verdict: 'clean' });
    expect(namesIn(state)).toEqual(['more', 'x']);
    expect(state.isLocked()).toBe(false);
    expect(await listLocks(world.store.db)).toEqual([]);
    expect((await readdir(file('.'))).filter((name) => name.startsWith('errored'))).toEqual([]);
    const decisions = await listDecisions(world.store.db, { runId: handle.workflowId });
    expect(decisions.at(-1)).toMatchObject({ by: 'grace', subject: 'push-state', evidence: gate.evidence });
    expect(await secretsTold(handle)).toEqual([]);
    // The way on: nothing is left to be done, and nothing was made twice.
    expect(await world.run({ stack: { path: stack }, vars: { more: 2 } })).toMatchObject({ applied: false });
  });

  it('keeps it when people say no, and tells how it is pushed by hand', async () => {
    await worker();
    const { handle, state, file } = await unsaved('rejected');
    await reject(handle);
    const { code, message, details } = await failureOf(handle.result());
    expect(code).toBe('TerraformApplyFailed');
    expect(details).toMatchObject({ stateSaved: false });
    const digest = String(details['erroredState']);
    const beside = `errored.tfstate.${digest.slice(7, 19)}`;
    expect(message).toContain('ada rejected');
    expect(message).toContain(`artifact ${digest}`);
    expect(message).toContain(`terraform state push ${beside}`);
    expect((await world.store.readArtifact({ digest })).toString('utf8')).toBe(await readFile(file(beside), 'utf8'));
    expect(state.now()).toBeUndefined();
    expect(await listLocks(world.store.db)).toEqual([]);
    expect(await secretsTold(handle)).toEqual([]);
  });

  it('keeps it when nobody answers, whatever that means for the plan', async () => {
    await worker();
    const { handle, state } = await unsaved('expired', { approval: { timeout: '10s', onTimeout: 'continue' } });
    state.refuseToSave(false);
    const { message, details } = await failureOf(handle.result());
    expect(message).toContain('nobody decided');
    expect(details).toMatchObject({ stateSaved: false, erroredState: expect.any(String) as string });
    expect(state.now()).toBeUndefined();
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('shows and asks anew when the backend has moved, and overwrites only what was shown', async () => {
    await worker();
    const { handle, state, gate } = await unsaved('moved', { isFirst: false });
    state.refuseToSave(false);
    const now = state.now();
    const stranger = { ...now?.resources[0], name: 'stranger' };
    state.write({ ...now, serial: 9, resources: [...(now?.resources ?? []), stranger] });
    await approve(handle);
    const next = await waitFor(
      async () => (await statusOf(handle)).gates.find((of) => of.state === 'open' && of.evidence !== gate.evidence),
      { what: 'the gate to open anew' },
    );
    expect(namesIn(state)).toEqual(['stranger', 'x']);
    expect(next.shown).toEqual(
      expect.arrayContaining([
        'The state in the backend has changed since the last approval, which is void:',
        'Push the state that apply could not save: serial 2 over serial 9',
        'SOMEBODY HAS SAVED A STATE SINCE: the push overwrites it (-force)',
        '. terraform_data.stranger (no state knows it afterwards)',
      ]),
    );
    const former = handle.executeUpdate('approve', {
      args: [{ gate: 'push-state', evidence: gate.evidence, by: { identity: 'ada', channel: 'test' } }],
    });
    await expect(former).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
    await approve(handle);
    expect(await failureOf(handle.result())).toMatchObject({ details: { stateSaved: true } });
    expect(namesIn(state)).toEqual(['more', 'x']);
  });

  it('does not touch another state', async () => {
    await worker();
    const { handle, state } = await unsaved('other', { isFirst: false });
    state.refuseToSave(false);
    state.write({ ...state.now(), lineage: 'another' });
    await approve(handle);
    const { message, details } = await failureOf(handle.result());
    expect(message).toContain('the backend holds another state (lineage another');
    expect(details).toMatchObject({ stateSaved: false });
    expect(state.now()?.lineage).toBe('another');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('asks again when the backend still refuses', async () => {
    await worker();
    const { handle, state, gate } = await unsaved('refused');
    await approve(handle);
    await waitFor(async () => (await statusOf(handle)).warnings.some((text) => text.includes('last push failed')), {
      what: 'the push to be given up',
      timeoutMs: 60_000,
    });
    const again = await openGateOf(handle);
    expect(again.evidence).toBe(gate.evidence);
    expect(again.shown[0]).toContain('The last push failed: state of "refused" failed');
    state.refuseToSave(false);
    await approve(handle);
    expect(await failureOf(handle.result())).toMatchObject({ details: { stateSaved: true } });
  });

  it('is pushed once when the worker dies before it could tell', async () => {
    const first = await worker();
    const { handle, state } = await unsaved('killed');
    state.refuseToSave(false);
    state.onSaved(async () => {
      state.onSaved(undefined);
      await first.kill();
    });
    await approve(handle);
    await waitFor(async () => first.child.signalCode !== null && (await processesOf(handle)) === 0, {
      what: 'the worker and its tool to be gone',
    });
    await worker();
    expect(await failureOf(handle.result())).toMatchObject({ details: { stateSaved: true } });
    expect(state.saves()).toBe(1);
    expect(namesIn(state)).toEqual(['more', 'x']);
    expect(state.isLocked()).toBe(false);
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it.each(['on the disk', 'in the store'])(
    'is found by the next worker %s when the one that applied has died',
    async (where) => {
      const { handle, state, file } = await interrupted(`interrupted ${where}`.replaceAll(' ', '-'));
      if (where === 'in the store') {
        // The worker died after it had kept the file, and the next one is on another machine.
        await world.store.putArtifact({
          runId: handle.workflowId,
          kind: 'terraform-errored-state',
          name: `errored-${handle.firstExecutionRunId}.tfstate`,
          content: await readFile(file),
        });
        await rm(file);
      }
      await worker();
      const gate = await openGateOf(handle, 'push-state');
      expect(gate.shown.slice(2)).toEqual(['+ terraform_data.first', '+ terraform_data.second']);
      state.refuseToSave(false);
      await approve(handle);
      expect(await failureOf(handle.result())).toMatchObject({ details: { stateSaved: true, verdict: 'tainted' } });
      expect(namesIn(state)).toEqual(['first', 'second']);
    },
  );

  it('is kept as it is when the file was cut off', async () => {
    const { handle, file } = await interrupted('cut-off');
    const half = (await readFile(file, 'utf8')).slice(0, 100);
    await writeFile(file, half);
    await worker();
    const { message, details } = await failureOf(handle.result());
    expect(message).toContain('the file that the tool left does not hold a state that can be read');
    expect(details).toMatchObject({ stateSaved: false });
    const kept = await world.store.readArtifact({ digest: String(details['erroredState']) });
    expect(kept.toString('utf8')).toBe(half);
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('is kept when the run is aborted at the gate', async () => {
    await worker();
    const { handle } = await unsaved('aborted');
    await handle.executeUpdate('abort', { args: [{ reason: 'enough', by: { identity: 'ada', channel: 'test' } }] });
    expect((await failureOf(handle.result())).code).toBe('Aborted');
    const kept = await listArtifacts(world.store.db, { runId: handle.workflowId });
    expect(kept.filter(({ kind }) => kind === 'terraform-errored-state')).toHaveLength(1);
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it.each([
    ['without an approval policy', {}],
    ['with `unsavedState: keep`', { approval: { required: 1 }, unsavedState: 'keep' }],
  ])('ends at once %s', async (how, input) => {
    await worker();
    const name = how.replaceAll(/\W+/g, '-');
    const state = backend.state(name);
    const stack = await world.stack(name, { 'main.tf': `${state.configuration}\n${OBJECTS}` });
    state.refuseToSave(true);
    const handle = await world.start({ stack: { path: stack }, ...input });
    if ('approval' in input) await approve(handle);
    const { code, details } = await failureOf(handle.result());
    expect(code).toBe('TerraformApplyFailed');
    const beside = `errored.tfstate.${String(details['erroredState']).slice(7, 19)}`;
    const told = (await world.events(handle.workflowId)).find(({ type }) => type === 'state_not_saved');
    expect(told?.message).toContain(`terraform state push ${beside}`);
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('is not taken for that of a later apply', async () => {
    await worker();
    const stack = await world.stack('foreign', {
      'main.tf': 'resource "terraform_data" "x" {\nprovisioner "local-exec" { command = "false" }\n}',
    });
    const file = (name: string): string => path.join(world.root, stack, name);
    await writeFile(
      file('errored.tfstate'),
      '{"version":4,"serial":8,"lineage":"foreign","outputs":{},"resources":[]}',
    );
    const handle = await world.start({ stack: { path: stack }, approval: { required: 1 } });
    await approve(handle);
    const { code, details } = await failureOf(handle.result());
    expect([code, details['erroredState']]).toEqual(['TerraformApplyFailed', undefined]);
    const aside = (await world.events(handle.workflowId)).find(({ type }) => type === 'foreign_unsaved_state');
    expect(await exists(file(String(aside?.data['file'])))).toBe(true);
  });
});

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MEMO } from '@switchyard/contracts';
import { listDecisions, listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, failureOf, openGateOf, openWorld, statusOf, type World, type WorkerProcess } from './world.js';

let world: World;
let planner: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  planner = await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const STACK = `
resource "terraform_data" "x" {
  input = "one"
  provisioner "local-exec" { command = "echo made >> made.txt" }
}
output "word" { value = terraform_data.x.output }
`;

const waiting = async (name: string, approval: Record<string, unknown> = { required: 1 }) => {
  const stack = await world.stack(name, { 'main.tf': STACK });
  const handle = await world.start({ stack: { path: stack }, approval });
  return { stack, handle, gate: await openGateOf(handle), file: (f: string) => path.join(world.root, stack, f) };
};

describe('approval of a plan', () => {
  it('shows what will happen, and applies the plan of the digest that was approved', async () => {
    const { handle, gate } = await waiting('approved');
    expect(gate.shown).toEqual(
      expect.arrayContaining(['Plan: 1 to add, 0 to change, 0 to destroy', '+ terraform_data.x', '    input = "one"']),
    );
    expect(await statusOf(handle)).toMatchObject({
      state: 'waiting',
      phase: 'approval',
      waitingFor: { kind: 'approval', name: 'plan' },
    });
    await approve(handle);
    const result = (await handle.result()) as { planDigest: string; runId: string };
    expect(result.planDigest).toBe(gate.evidence);
    const decisions = await listDecisions(world.store.db, { runId: result.runId });
    expect(decisions).toMatchObject([{ by: 'ada', decision: 'approve', evidence: gate.evidence }]);
  });

  it('is refused for another digest', async () => {
    const { handle } = await waiting('other-digest');
    const wrong = handle.executeUpdate('approve', {
      args: [{ gate: 'plan', evidence: `sha256:${'0'.repeat(64)}`, by: { identity: 'ada', channel: 'test' } }],
    });
    await expect(wrong).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
    await handle.executeUpdate('abort', { args: [{ reason: 'enough' }] });
    expect((await failureOf(handle.result())).code).toBe('Aborted');
  });

  it('is refused for the person who started the run', async () => {
    const stack = await world.stack('own', { 'main.tf': STACK });
    const handle = await world.start(
      { stack: { path: stack }, approval: { required: 1 } },
      { [MEMO.startedBy]: 'ada' },
    );
    await openGateOf(handle);
    await expect(approve(handle, 'ada')).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
    await approve(handle, 'grace');
    await handle.result();
  });

  it('when rejected changes nothing and gives the stack back', async () => {
    const { handle, file } = await waiting('rejected');
    await handle.executeUpdate('reject', {
      args: [{ gate: 'plan', reason: 'not on a Friday', by: { identity: 'ada', channel: 'test' } }],
    });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'ApprovalRejected',
      message: expect.stringContaining('not on a Friday') as string,
    });
    await expect(readFile(file('made.txt'))).rejects.toThrow('ENOENT');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('expires', async () => {
    const { handle } = await waiting('expired', { required: 1, timeout: '1s' });
    expect((await failureOf(handle.result())).code).toBe('ApprovalExpired');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('is void when the state was changed in the meantime', async () => {
    const { handle, file } = await waiting('stale-state');
    await writeFile(
      file('terraform.tfstate'),
      JSON.stringify({
        version: 4,
        terraform_version: '1.11.4',
        serial: 7,
        lineage: 'other',
        outputs: {},
        resources: [],
      }),
    );
    await approve(handle);
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'TerraformPlanStale',
      details: { planned: { serial: 0 }, now: { serial: 7 } },
    });
    await expect(readFile(file('made.txt'))).rejects.toThrow('ENOENT');
  });

  it('is void when the configuration was changed in the meantime', async () => {
    const { handle, file } = await waiting('stale-configuration');
    await writeFile(file('main.tf'), STACK.replace('one', 'two'));
    await approve(handle);
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({
      code: 'TerraformPlanStale',
      message: expect.stringContaining('configuration was changed') as string,
    });
  });

  it('lets another worker apply the plan, with a disk of its own', async () => {
    const { handle, gate } = await waiting('handed-over');
    await planner.stop();
    const other = await world.startWorker();
    expect(other.workDir).not.toBe(planner.workDir);
    await approve(handle);
    expect(await handle.result()).toMatchObject({
      applied: true,
      planDigest: gate.evidence,
      outputs: { word: { value: 'one' } },
    });
    planner = other;
  });

  it('keeps other runs away from the stack, and tells them who holds it', async () => {
    const { handle, stack } = await waiting('held');
    const second = await failureOf(world.run({ stack: { path: stack }, lockTimeout: '1s' }));
    expect(second).toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringContaining(handle.workflowId) as string,
      details: { blockedBy: [{ workflowId: handle.workflowId, reason: `apply of ${stack}` }] },
    });
    await approve(handle);
    await handle.result();
  });

  it('shows in the status of a run that waits for the stack who has it, what for and since when', async () => {
    const { handle, stack } = await waiting('queued');
    const second = await world.start({ stack: { path: stack }, lockTimeout: '1m' });
    const status = await waitFor(
      async () => {
        const now = await statusOf(second);
        return now.waitingFor === null ? undefined : now;
      },
      { what: 'the second run to wait' },
    );
    expect(status).toMatchObject({
      state: 'waiting',
      waitingFor: { kind: 'lock', name: `terraform:${stack}:default` },
      steps: [
        { id: 'plan', detail: expect.stringMatching(`^${handle.workflowId} has the stack since .*apply of`) },
        {},
      ],
    });
    await approve(handle);
    await handle.result();
    expect(await second.result()).toMatchObject({ applied: false });
    expect((await statusOf(second)).waitingFor).toBeNull();
  });

  it('of a run that was terminated does not keep the stack', async () => {
    const { handle, stack } = await waiting('terminated');
    await handle.terminate('test');
    expect(await world.run({ stack: { path: stack }, lockTimeout: '5s' })).toMatchObject({ applied: true });
  });
});

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseRunbookYaml } from '@switchyard/runbook';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, startHarness, type Harness } from './harness.js';

describe('the example runbooks with other services', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  const start = async (name: string, inputs: Record<string, unknown>): Promise<WorkflowHandle> => {
    const file = fileURLToPath(new URL(`../../../examples/runbooks/${name}`, import.meta.url));
    const { runbook } = parseRunbookYaml(await readFile(file, 'utf8'), name);
    if (!runbook) throw new Error(`${name} is no runbook`);
    const { steps, ...book } = runbook;
    return harness.start([...steps], { book, inputs });
  };
  const called = (handle: WorkflowHandle): string[] =>
    harness.services.filter(({ run }) => run.runId === handle.workflowId).map(({ step }) => step);
  const limits = { prometheus_url: 'http://p', cooldown: '10ms', playbook: 'scale_out.yml' };

  it('scale out, page and open a ticket when the load is over the limit', async () => {
    const handle = await start('scale-out-on-load.yaml', { ...limits, limit: 90 });
    await handle.result();
    expect(harness.notesOf(handle)).toEqual(['scale_out.yml']);
    expect(called(handle).toSorted()).toEqual(['page', 'resolved', 'ticket']);
  });

  it('do nothing when the load is within the limit', async () => {
    const handle = await start('scale-out-on-load.yaml', { ...limits, limit: 99 });
    await handle.result();
    expect(harness.notesOf(handle)).toEqual([]);
    expect(called(handle)).toEqual([]);
  });

  const move = {
    playbooks: 'p',
    health_url: 'https://new.example.com/healthz',
    old_addresses: ['192.0.2.1'],
    new_addresses: ['192.0.2.20'],
    slack_channel: 'C1',
  };

  it('change a name only when the new side is well', async () => {
    const handle = await start('azure-to-aws.yaml', move);
    await handle.result();
    expect(harness.notesOf(handle)).toEqual(['p/azure_shutdown.yml', 'p/aws_provision.yml']);
    expect(called(handle)).toEqual(['cutover']);
    const sick = await start('azure-to-aws.yaml', { ...move, health_url: 'https://sick.example.com/healthz' });
    expect((await failureOf(sick.result())).code).toBe('GateFailed');
    expect(called(sick)).toEqual([]);
  });

  it('put the old record back, remove the new side and start the old one when the name does not serve', async () => {
    const handle = await start('azure-to-aws.yaml', { ...move, name: 'sick.example.com' });
    expect((await failureOf(handle.result())).code).toBe('GateFailed');
    const records = harness.services.filter(({ run }) => run.runId === handle.workflowId).map(({ input }) => input);
    expect(records).toMatchObject([{ values: ['192.0.2.20'] }, { values: ['192.0.2.1'] }]);
    expect(harness.notesOf(handle)).toEqual([
      'p/azure_shutdown.yml',
      'p/aws_provision.yml',
      'p/aws_remove.yml',
      'p/azure_start.yml',
    ]);
  });
});

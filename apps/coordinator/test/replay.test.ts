import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, bundleWorkflowCode, Worker, type WorkflowBundle } from '@temporalio/worker';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DeterminismViolationError } from '@temporalio/workflow';
import type { WorkflowHandle } from '@temporalio/client';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ItemsInput } from '../src/workflows/items/items-workflow.js';
import { coordinatorBundle, startHarness, type Harness } from './harness.js';

/** Histories that released workflows wrote. RECORD_HISTORIES=1 writes new ones: only for a change that is meant. */
const HISTORIES = ['runbook-1', 'runbook-failed-1', 'runbook-items-1', 'event-rule-1'] as const;
const fileOf = (name: string): URL => new URL(`histories/${name}.json`, import.meta.url);

const play = (id: string, playbook: string, more: object = {}): object => ({
  id,
  uses: 'ansible',
  with: { playbook },
  ...more,
});

/** A history says on which machine and where in which file things happened; replay does not need it. */
const withoutPlace = (json: string): string =>
  JSON.stringify(
    JSON.parse(json, (key, value: unknown) => {
      if (['identity', 'stackTrace'].includes(key)) return '';
      // Sticky queues are named for the process and the machine.
      return typeof value === 'string' && /^\d+@/.test(value) ? 'sticky' : value;
    }),
    null,
    1,
  );

interface HistoryFile {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes?: {
      readonly workflowId: string;
      readonly input: { readonly payloads: { data: string }[] };
    };
  }[];
}

async function record(harness: Harness): Promise<void> {
  const save = async (name: (typeof HISTORIES)[number], handle: WorkflowHandle): Promise<void> => {
    await handle.result().catch(() => undefined);
    await writeFile(fileOf(name), withoutPlace(historyToJSON(await handle.fetchHistory())));
  };
  const good = await harness.start([
    { id: 'net', uses: 'terraform', with: { stack: { path: 'flaky-net' } }, retry: { attempts: 3, delay: 10 } },
    { id: 'gate', uses: 'approval', needs: ['net'], with: { title: 'go?' } },
    play('each', '', {
      needs: ['gate'],
      forEach: '${{ steps.net.result.outputs.hosts.value }}',
      maxParallel: 2,
      with: { playbook: '${{ item }}.yml' },
    }),
    { id: 'tell', uses: 'notify', needs: ['each'], with: { url: 'http://127.0.0.1:1/', text: 'done' } },
  ]);
  await harness.until(good, 'the gate is open', (s) => s.gates[0]?.state === 'open');
  await good.signal('gate');
  await save('runbook-1', good);
  const undo = { uses: 'ansible', with: { playbook: 'undo.yml' } };
  await save(
    'runbook-failed-1',
    await harness.start([
      play('a', 'a.yml', { compensate: undo }),
      play('b', 'slow.yml', { needs: ['a'], timeout: 200, onFailure: 'compensate' }),
    ]),
  );
  const input: ItemsInput = {
    job: {
      step: 'each',
      uses: 'http',
      with: { url: 'http://fake/${{ item }}' },
      retry: { attempts: 1, delay: 0, backoff: 1 },
      scope: { inputs: {}, steps: {}, run: { id: 'r' } },
      path: 'r/each',
      executionId: 'e',
      isMap: false,
      stopAtFailure: true,
      earlierAttempts: 0,
    },
    items: [1, 2, 3].map((item, index) => ({ index, key: String(index), item })),
    width: 2,
    isPaused: false,
  };
  const items = await harness.client.workflow.start('RunbookItemsWorkflow', {
    taskQueue: 'coordinator-queue',
    workflowId: 'items-history',
    args: [input],
  });
  await save('runbook-items-1', items);
  await save('event-rule-1', await liveOneRule(harness));
}

/** A rule that fires, rests, fires again, is paused, and is deleted. */
async function liveOneRule({ client, until }: Harness): Promise<WorkflowHandle> {
  const rule = {
    apiVersion: 'switchyard.dev/v1',
    kind: 'EventRule',
    metadata: { name: 'cpu' },
    when: 'event.cpu > 90',
    for: 200,
    cooldown: 400,
    maxPer: { count: 2, window: '1h' },
    runbook: {
      apiVersion: 'switchyard.dev/v1',
      kind: 'Runbook',
      metadata: { name: 'scale' },
      steps: [play('scale', 'scale.yml')],
    },
  };
  const handle = await client.workflow.start('EventRuleWorkflow', {
    taskQueue: 'coordinator-queue',
    workflowId: 'rule-history',
    args: [{ rule }],
  });
  const fired = (count: number): Promise<unknown> =>
    until(handle, `firing ${count}`, ({ steps }) => (steps[1]?.children ?? []).length === count);
  for (const number of [1, 2]) {
    for (const id of ['a', 'b', 'b']) await handle.signal('event', { id: `${id}${number}`, data: { cpu: 91 } });
    await fired(number);
  }
  await handle.executeUpdate('pause', { args: [{ reason: 'enough' }] });
  await handle.signal('event', { id: 'c', data: { cpu: 10 } });
  await handle.executeUpdate('delete', { args: [{ reason: 'enough' }] });
  return handle;
}

describe('recorded histories', () => {
  let changed: WorkflowBundle;
  beforeAll(async () => {
    if (process.env['RECORD_HISTORIES']) {
      const harness = await startHarness();
      await record(harness);
      await harness.stop();
    }
    changed = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('fixtures/changed-workflows.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    });
  });
  const replay = async (workflowBundle: WorkflowBundle, name: string): Promise<void> => {
    const history = JSON.parse(await readFile(fileOf(name), 'utf8')) as HistoryFile;
    const { workflowId } = history.events[0]?.workflowExecutionStartedEventAttributes ?? {};
    await Worker.runReplayHistory({ workflowBundle }, history, workflowId);
  };

  it.each(HISTORIES)('are replayed by the workflows of today: %s', async (name) => {
    await expect(replay(await coordinatorBundle(), name)).resolves.toBeUndefined();
  });

  it('of a run that began before secrets in a text were refused go on', async () => {
    const history = JSON.parse(await readFile(fileOf('runbook-1'), 'utf8')) as HistoryFile;
    const { workflowId, input } = history.events[0]?.workflowExecutionStartedEventAttributes ?? {};
    const payload = input?.payloads[0];
    if (!payload) throw new Error('the history has no input');
    const { runbook } = JSON.parse(Buffer.from(payload.data, 'base64').toString('utf8')) as {
      runbook: { inputs?: object; steps: { id: string; with: Record<string, unknown> }[] };
    };
    runbook.inputs = { token: { type: 'string', secret: true, default: { $secret: 'x' } } };
    Object.assign(runbook.steps.find(({ id }) => id === 'tell')?.with ?? {}, { text: 'done ${{ inputs.token }}' });
    payload.data = Buffer.from(JSON.stringify({ runbook })).toString('base64');
    await expect(
      Worker.runReplayHistory({ workflowBundle: await coordinatorBundle() }, history, workflowId),
    ).resolves.toBeUndefined();
  });

  it.each(HISTORIES)('do not fit workflows that were changed without care: %s', async (name) => {
    await expect(replay(changed, name)).rejects.toThrow(DeterminismViolationError);
  });
});

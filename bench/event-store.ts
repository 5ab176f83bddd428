import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';
import { measureEventRate, readEvents } from '@switchyard/store';
import { ansibleCall, runBare } from './src/bare-tool.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { poll } from './src/poll.ts';
import { startStack, type BenchStack } from './src/stack.ts';

const PLAYBOOK = 'many-tasks.yml';
const AT_LEAST_2000 = { atLeast: 2_000 } as const;

/** How many events the store takes while a playbook makes others on the same cores; `n` is the thousands of events. */
export function eventStore({ n = 30, tasks = 500 }: { n?: number; tasks?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'event-store',
      about: `events stored per second, alone and beside a playbook of ${tasks} tasks whose own events are stored, too`,
    },
    async () => {
      await using stack = await startStack(['ansible-worker']);
      const task = (i: number): string => `    - { name: task ${i}, debug: { msg: this is task ${i} } }`;
      const list = Array.from({ length: tasks }, (_, i) => task(i)).join('\n');
      await writeFile(join(stack.root, PLAYBOOK), `- hosts: localhost\n  gather_facts: false\n  tasks:\n${list}\n`);
      const options = { events: n * 1_000, runs: 4 };
      const bareMs = (await runBare(ansibleCall(stack, PLAYBOOK))).totalMs;
      const alone = await measureEventRate(stack.database.knex, options);
      const beside = await besideAPlaybook(stack, () => measureEventRate(stack.database.knex, options));
      const lost = options.events - alone.inTable + (options.events - beside.rate.inTable) + beside.missing;
      return {
        figures: [
          figure('stored beside a playbook', beside.rate.perSecond, 'events/s', AT_LEAST_2000),
          figure('stored alone', alone.perSecond, 'events/s', AT_LEAST_2000),
          figure('lost', lost, 'events', { below: 1 }),
          figure('playbook with its events stored', beside.playbookMs, 'ms'),
          figure('bare playbook', Math.round(bareMs), 'ms'),
        ],
        details: { alone, beside },
      };
    },
  );
}

/** Runs `work` once the playbook is under way, and then counts the playbook's own events. */
async function besideAPlaybook(stack: BenchStack, work: () => ReturnType<typeof measureEventRate>) {
  const runId = `bench-${randomUUID()}`;
  const { knex } = stack.database;
  const startedAt = performance.now();
  const handle = await stack.client.workflow.start('AnsibleWorkflow', {
    taskQueue: TASK_QUEUES.ansible,
    args: [{ playbook: PLAYBOOK }],
    workflowId: runId,
  });
  const ended = handle.result().then(() => performance.now() - startedAt);
  ended.catch(() => undefined);
  await poll(async () => (await readEvents(knex, { runId, after: 20, limit: 1 }))[0], {
    what: 'the first events of the playbook',
    everyMs: 20,
    timeoutMs: 120_000,
  });
  const rate = await work();
  const wasRunning = (await handle.describe()).status.name === 'RUNNING';
  const playbookMs = Math.round(await ended);
  let after = 0;
  let ownEvents = 0;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await readEvents(knex, { runId, after, limit: 1_000 });
    ownEvents += page.length;
    after = page.at(-1)?.seq ?? after;
    if (page.length < 1_000) break;
  }
  return {
    rate,
    playbookMs,
    /** Whether the playbook ran during the whole measurement. */
    wasRunning,
    ownEvents,
    ownEventsPerSecond: Math.round(ownEvents / (playbookMs / 1_000)),
    /** Numbers without an event: they are given without gaps. */
    missing: after - ownEvents,
  };
}

if (import.meta.main) await printBenchmark(eventStore);

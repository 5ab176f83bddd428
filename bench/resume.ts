import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';
import { readEvents } from '@switchyard/store';
import { afterKill, type AfterKill } from './src/after-kill-events.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { poll } from './src/poll.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { summarize } from './src/statistics.ts';

const PLAYBOOK = 'slow.yml';
const INVENTORY = 'hosts.ini';
const HOSTS = 4;

/** Silence after which the server takes a worker for lost: the heartbeat time-out of a playbook. */
const HEARTBEAT_MS = 10_000;
const LIMIT_MS = HEARTBEAT_MS + 5_000;

/** How long a run stands still after its worker was killed with SIGKILL in the middle of a batch. */
export function resume({ n = 3 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'resume',
      about:
        'from SIGKILL of the ansible-worker, with one batch through and the next under way, until the tool works on hosts again',
    },
    async () => {
      await using stack = await startStack(['ansible-worker']);
      await writeFile(
        join(stack.root, PLAYBOOK),
        '- hosts: all\n  gather_facts: false\n  tasks:\n    - { name: slow, raw: sleep 3 }\n',
      );
      const names = Array.from({ length: HOSTS }, (_, i) => `h${i + 1} ansible_connection=local\n`);
      await writeFile(join(stack.root, INVENTORY), names.join(''));
      const kills: Killed[] = [];
      for (let i = 0; i < n; i++) {
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        kills.push(await killedRun(stack));
      }
      const again = kills.reduce((sum, kill) => sum + kill.again.length, 0);
      return {
        figures: [
          figure('until the tool works again', summarize(kills.map(({ resumedMs }) => resumedMs)).max, 'ms', {
            below: LIMIT_MS,
          }),
          figure('until a new worker runs', summarize(kills.map(({ workerMs }) => workerMs)).max, 'ms'),
          figure('hosts that ran again although they had ended', again, 'hosts', { below: 1 }),
        ],
        details: { heartbeatMs: HEARTBEAT_MS, kills },
      };
    },
  );
}

interface Killed extends AfterKill {
  readonly resumedMs: number;
  readonly workerMs: number;
}

async function killedRun(stack: BenchStack): Promise<Killed> {
  const runId = `bench-${randomUUID()}`;
  const { knex } = stack.database;
  const events = () => readEvents(knex, { runId, sources: ['ansible'], limit: 10_000 });
  const handle = await stack.client.workflow.start('AnsibleWorkflow', {
    taskQueue: TASK_QUEUES.ansible,
    args: [{ playbook: PLAYBOOK, inventory: INVENTORY, batchSize: HOSTS / 2, maxParallel: 1 }],
    workflowId: runId,
  });
  await poll(async () => (isSecondBatchAtWork(await events()) ? true : undefined), {
    what: 'the second batch',
    everyMs: 50,
    timeoutMs: 120_000,
  });
  const pid = await stack.workerPid('ansible-worker');
  if (pid === null) throw new Error('the ansible-worker is not running');
  process.kill(pid, 'SIGKILL');
  const killedAt = Date.now();
  const workerMs = await poll(
    async () => {
      const now = await stack.workerPid('ansible-worker');
      return now !== null && now !== pid ? Date.now() - killedAt : undefined;
    },
    { what: 'a new worker', everyMs: 50, timeoutMs: 60_000 },
  );
  await handle.result();
  const { resumedMs, again } = afterKill(await events(), killedAt);
  if (resumedMs === null) throw new Error(`${runId} ended without its second batch`);
  return { resumedMs, again, workerMs };
}

/** The first batch is through, and the task of the next one has begun. */
function isSecondBatchAtWork(events: Awaited<ReturnType<typeof readEvents>>): boolean {
  const through = events.findLastIndex(({ type }) => type === 'host_ok');
  const done = new Set(events.filter(({ type }) => type === 'host_ok').map(({ subject }) => subject));
  return done.size >= HOSTS / 2 && events.findLastIndex(({ type }) => type === 'task_start') > through;
}

if (import.meta.main) await printBenchmark(resume);

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';
import { endMarked, findMarked, MARKER_NAME } from '@switchyard/process';
import { ansibleCall } from './src/bare-tool.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { poll } from './src/poll.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { summarize } from './src/statistics.ts';

const LIMIT_MS = 15_000;
const STUBBORN = "trap '' TERM INT HUP; sleep 300";

/** Tasks that do not want to end. What `trap ''` ignores, `sleep` ignores, too. */
const TASKS = {
  'shell task': `    - shell: "${STUBBORN}"\n`,
  'async task': `    - shell: "${STUBBORN}"\n      async: 300\n      poll: 2\n`,
} as const;

/** How long a cancelled run takes until none of its processes is left, when the task ignores SIGTERM and SIGINT. */
export function cancel({ n = 3 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'cancel',
      about:
        'from the cancel until no process of the run is left, for tasks that ignore SIGTERM, SIGINT and SIGHUP; beside SIGINT to the group of the bare tool',
    },
    async () => {
      await using stack = await startStack(['ansible-worker']);
      const figures = [];
      const details: Record<string, unknown> = {};
      for (const [name, task] of Object.entries(TASKS)) {
        const playbook = `${name.replace(' ', '-')}.yml`;
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        await writeFile(join(stack.root, playbook), `- hosts: localhost\n  gather_facts: false\n  tasks:\n${task}`);
        const runs: Cancelled[] = [];
        // oxlint-disable-next-line no-await-in-loop
        for (let i = 0; i < n; i++) runs.push(await cancelledRun(stack, playbook));
        // oxlint-disable-next-line no-await-in-loop
        const bare = await interruptedTool(stack, playbook);
        const gone = summarize(runs.map(({ goneMs }) => goneMs));
        figures.push(
          figure(`${name}: until no process is left`, gone.max, 'ms', { below: LIMIT_MS }),
          figure(`${name}: until the run is closed`, summarize(runs.map(({ closedMs }) => closedMs)).max, 'ms'),
          figure(`${name}: processes that the bare tool leaves after 15 s`, bare.left.length, 'processes'),
        );
        details[name] = { gone, runs, bare };
      }
      return { figures, details };
    },
  );
}

interface Cancelled {
  readonly processes: number;
  readonly goneMs: number;
  readonly closedMs: number;
}

/** Resolves with all marked processes once the one that ignores signals is among them. */
const stubborn = (marker: string) =>
  poll(
    async () => {
      const found = await findMarked(marker);
      return found.some(({ name }) => name === 'sleep') ? found : undefined;
    },
    { what: `a sleeping process of ${marker}`, everyMs: 100, timeoutMs: 120_000 },
  );

async function cancelledRun(stack: BenchStack, playbook: string): Promise<Cancelled> {
  const handle = await stack.client.workflow.start('AnsibleWorkflow', {
    taskQueue: TASK_QUEUES.ansible,
    args: [{ playbook }],
    workflowId: `bench-${randomUUID()}`,
  });
  const marker = handle.firstExecutionRunId;
  const found = await stubborn(marker);
  const startedAt = performance.now();
  await handle.cancel();
  const closed = handle.result().then(
    () => Promise.reject(new Error('the run succeeded although it was cancelled')),
    () => performance.now() - startedAt,
  );
  closed.catch(() => undefined);
  await poll(async () => ((await findMarked(marker)).length === 0 ? true : undefined), {
    what: `the end of the processes of ${marker}`,
    everyMs: 20,
    timeoutMs: 60_000,
  });
  const goneMs = performance.now() - startedAt;
  return { processes: found.length, goneMs: Math.round(goneMs), closedMs: Math.round(await closed) };
}

/** What ^C in a terminal does to the bare tool: SIGINT to its group. */
async function interruptedTool(stack: BenchStack, playbook: string) {
  const marker = `bench-${randomUUID()}`;
  const { command, args, cwd, env } = ansibleCall(stack, playbook);
  const child = spawn(command, args, { cwd, env: { ...env, [MARKER_NAME]: marker }, detached: true, stdio: 'ignore' });
  let toolEndedMs: number | null = null;
  try {
    await stubborn(marker);
    const startedAt = performance.now();
    child.on('exit', () => (toolEndedMs = Math.round(performance.now() - startedAt)));
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    const goneMs = await poll(
      async () => ((await findMarked(marker)).length === 0 ? performance.now() - startedAt : undefined),
      { what: 'the bare tool', everyMs: 50, timeoutMs: LIMIT_MS },
    ).then(Math.round, () => null);
    const left = (await findMarked(marker)).map(({ name }) => name);
    return { toolEndedMs, goneMs, left };
  } finally {
    await endMarked(marker, { signals: [] });
  }
}

if (import.meta.main) await printBenchmark(cancel);

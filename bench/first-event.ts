import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { TASK_QUEUES } from '@switchyard/contracts';
import { readEvents } from '@switchyard/store';
import { ansibleCall, runBare } from './src/bare-tool.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { interleave } from './src/interleave.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { median, summarize, summarizePairs, tenth } from './src/statistics.ts';

const PLAYBOOK = 'hello.yml';

/** How long a person looks at an empty screen after the start of a run. */
export function firstEvent({ n = 15 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'first-event',
      about:
        'from the start of a run until `runs logs -f`, called as soon as the run exists, has printed its first line; beside the first line of the bare tool',
    },
    async () => {
      await using stack = await startStack(['ansible-worker']);
      const text = '- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: { msg: hello }\n';
      await writeFile(join(stack.root, PLAYBOOK), text);
      const call = ansibleCall(stack, PLAYBOOK);
      const looks: Look[] = [];
      const pairs = await interleave(
        {
          ours: async (index) => {
            const seen = await look(stack);
            if (index >= 0) looks.push(seen);
            return seen.firstLineMs;
          },
          bare: async () => (await runBare(call)).firstOutputMs,
        },
        { pairs: n, warmUp: 2 },
      );
      const cli = await commandLineAlone(stack, n);
      const summary = summarizePairs(pairs);
      return {
        figures: [
          figure('first line of runs logs -f', summary.ours.median, 'ms', { below: 1_000 }),
          figure('first line of the bare tool', summary.bare.median, 'ms'),
          figure('first line that the tool itself caused', tenth(median(looks.map((seen) => seen.toolLineMs))), 'ms'),
        ],
        details: {
          ...summary,
          whereTheTimeGoes: {
            startOfTheRun: summarize(looks.map((seen) => seen.startedMs)),
            firstEventStored: summarize(looks.map((seen) => seen.storedMs)),
            commandLineThatDoesNothing: summarize(cli),
          },
        },
      };
    },
  );
}

/** What one look showed, in milliseconds since the call that starts the run. */
interface Look {
  /** The client was told that the run exists, and the command line was called. */
  readonly startedMs: number;
  /** The first event happened, by the clock of whoever made it. */
  readonly storedMs: number;
  readonly firstLineMs: number;
  /** The first line about what Ansible did. */
  readonly toolLineMs: number;
}

async function look(stack: BenchStack): Promise<Look> {
  const workflowId = `bench-${randomUUID()}`;
  const began = Date.now();
  const startedAt = performance.now();
  const handle = await stack.client.workflow.start('AnsibleWorkflow', {
    taskQueue: TASK_QUEUES.ansible,
    args: [{ playbook: PLAYBOOK }],
    workflowId,
  });
  const startedMs = performance.now() - startedAt;
  const child = spawn(process.execPath, [...stack.cli, 'runs', 'logs', '-f', workflowId], {
    cwd: stack.root,
    env: stack.environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let firstLineMs: number | undefined;
  let toolLineMs: number | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    firstLineMs ??= performance.now() - startedAt;
    // Whoever started the benchmark may ask every program for colours.
    if (stripVTControlCharacters(line).includes(' ansible ')) toolLineMs ??= performance.now() - startedAt;
  }
  await ended;
  await handle.result();
  const [first] = await readEvents(stack.database.knex, { runId: workflowId, after: 0, limit: 1 });
  if (firstLineMs === undefined || !first) throw new Error(`runs logs -f of ${workflowId} printed nothing`);
  return { startedMs, firstLineMs, toolLineMs: toolLineMs ?? Number.NaN, storedMs: Date.parse(first.at) - began };
}

/** The command line with nothing to do: what Node and its imports cost before any question is asked. */
async function commandLineAlone(stack: BenchStack, times: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) {
    const call = { command: process.execPath, args: [...stack.cli, '--help'], cwd: stack.root, env: stack.environment };
    // oxlint-disable-next-line no-await-in-loop
    all.push((await runBare(call)).totalMs);
  }
  return all;
}

if (import.meta.main) await printBenchmark(firstEvent);

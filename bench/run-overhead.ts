import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';
import { ansibleCall, runBare, terraformCall } from './src/bare-tool.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { breakdown, runTimes, type RunTimes } from './src/history.ts';
import { interleave, type Sides } from './src/interleave.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { summarizePairs } from './src/statistics.ts';

const TARGET = { below: 150 } as const;

/** The name of a figure, what is run and how often. */
interface Case {
  readonly name: string;
  /** Measured against its target; without one it is printed for comparison. */
  readonly hasTarget: boolean;
  readonly sides: (times: RunTimes[]) => Sides;
}

/** What a run costs beside the bare tool, when the tool itself has next to nothing to do. */
export function runOverhead({ n = 15 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'run-overhead',
      about:
        'from the call of the client to the result of the run, beside the bare tool with the same flags; medians of paired runs',
    },
    async () => {
      await using stack = await startStack(['ansible-worker', 'terraform-worker']);
      const cases = [...(await ansibleCases(stack)), ...(await terraformCases(stack))];
      const figures = [];
      const details: Record<string, unknown> = {};
      for (const { name, hasTarget, sides } of cases) {
        const times: RunTimes[] = [];
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        const pairs = await interleave(sides(times), { pairs: n, warmUp: 2 });
        const summary = summarizePairs(pairs);
        figures.push(figure(`${name}: overhead`, summary.difference.median, 'ms', hasTarget ? TARGET : undefined));
        figures.push(
          figure(`${name}: run`, summary.ours.median, 'ms'),
          figure(`${name}: bare tool`, summary.bare.median, 'ms'),
        );
        details[name] = { ...summary, whereTheTimeGoes: breakdown(times) };
      }
      return { figures, details };
    },
  );
}

/** Starts a run, waits for its result, and keeps its times. */
async function timed(stack: BenchStack, times: RunTimes[], run: { type: string; taskQueue: string; input: unknown }) {
  const { type, taskQueue, input } = run;
  const startedAt = performance.now();
  const handle = await stack.client.workflow.start(type, {
    taskQueue,
    args: [input],
    workflowId: `bench-${randomUUID()}`,
  });
  await handle.result();
  const totalMs = performance.now() - startedAt;
  times.push(await runTimes(handle));
  return totalMs;
}

async function ansibleCases(stack: BenchStack): Promise<Case[]> {
  const playbook = 'empty.yml';
  await writeFile(join(stack.root, playbook), '- hosts: localhost\n  gather_facts: false\n  tasks: []\n');
  const call = ansibleCall(stack, playbook);
  return [
    {
      name: 'ansible, empty playbook',
      hasTarget: true,
      sides: (times) => ({
        ours: () =>
          timed(stack, times, { type: 'AnsibleWorkflow', taskQueue: TASK_QUEUES.ansible, input: { playbook } }),
        bare: async () => (await runBare(call)).totalMs,
      }),
    },
  ];
}

const ONE_RESOURCE = 'resource "terraform_data" "one" {\n  input = "x"\n}\n';

async function terraformCases(stack: BenchStack): Promise<Case[]> {
  /** Each run has a stack of its own, so that no run meets the state of another. */
  let count = 0;
  const makeModule = async (text: string): Promise<string> => {
    const name = `stack-${count++}`;
    await mkdir(join(stack.root, name));
    await writeFile(join(stack.root, name, 'main.tf'), text);
    return name;
  };
  const ours = (action: string, text: string) => (times: RunTimes[]) => async (): Promise<number> => {
    const input = { stack: { path: await makeModule(text) }, action };
    return timed(stack, times, { type: 'TerraformWorkflow', taskQueue: TASK_QUEUES.terraform, input });
  };
  const bare = (text: string, commands: readonly Command[]) => async (): Promise<number> => {
    const directory = join(stack.root, await makeModule(text));
    const dataDir = join(directory, '.data');
    const plan = join(directory, 'bare.tfplan');
    const startedAt = performance.now();
    for (const command of commands) {
      // Commands follow each other.
      // oxlint-disable-next-line no-await-in-loop
      await runBare(terraformCall(stack, { directory, dataDir, args: ARGUMENTS[command](plan) }));
    }
    return performance.now() - startedAt;
  };
  // Without changes a run needs neither `show` nor `apply`: the target is held against the commands that it does run.
  const same = ['init', 'plan'] as const;
  const all = ['init', 'plan', 'show', 'apply'] as const;
  const make = (
    name: string,
    hasTarget: boolean,
    action: string,
    text: string,
    commands: readonly Command[],
  ): Case => ({
    name,
    hasTarget,
    sides: (times) => ({ ours: ours(action, text)(times), bare: bare(text, commands) }),
  });
  return [
    make('terraform, plan of an empty stack', true, 'plan', '', same),
    make('terraform, apply of an empty stack', true, 'apply', '', same),
    make('terraform, apply of an empty stack, beside init, plan, show and apply', false, 'apply', '', all),
    make('terraform, apply of one resource', false, 'apply', ONE_RESOURCE, all),
  ];
}

type Command = keyof typeof ARGUMENTS;

/** The flags of the worker. */
const ARGUMENTS = {
  init: () => ['init', '-input=false', '-json'],
  plan: (plan: string) => ['plan', '-input=false', '-json', '-lock-timeout=30s', '-detailed-exitcode', `-out=${plan}`],
  show: (plan: string) => ['show', '-json', plan],
  apply: (plan: string) => ['apply', '-input=false', '-json', '-lock-timeout=30s', plan],
} satisfies Record<string, (plan: string) => string[]>;

if (import.meta.main) await printBenchmark(runOverhead);

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';
import { ansibleBatchCall, runBare } from './src/bare-tool.ts';
import { batchingsFor, inParallel, slicesOf, type Batching } from './src/batches.ts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { interleave } from './src/interleave.ts';
import { processorTimeOfChildren } from './src/processor-time.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { median, summarize, summarizePairs, tenth } from './src/statistics.ts';

const PLAYBOOK = 'raw.yml';
const INVENTORY = 'hosts.ini';
const TASKS = 5;
const PAIRS = 2;

/** Hosts whose single processes are timed: a thousand of them would say the same and take a quarter of an hour. */
const SAMPLE = 20;

/** Pairs of one batch with and without its events. */
const EVENT_PAIRS = 20;
const EVENT_HOSTS = 50;

/** A playbook on many hosts, in batches, beside the best batching of the bare tool and one process per host. */
export function ansibleBatches({ n = 1_000 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'ansible-batches',
      about: `${TASKS} raw tasks on ${n} local hosts, in batches, beside the best batching of the bare tool and beside one process per host`,
    },
    async () => {
      await using stack = await startStack(['ansible-worker']);
      const hosts = await makeHosts(stack, n);
      const tried: { readonly batching: Batching; readonly ms: number }[] = [];
      for (const batching of batchingsFor(n)) {
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        tried.push({ batching, ms: await bareBatches(stack, hosts, batching) });
      }
      const [best] = tried.toSorted((a, b) => a.ms - b.ms);
      if (!best) throw new Error('no batching was tried');
      const { batching } = best;
      const pairs = await interleave(
        { ours: () => run(stack, batching), bare: () => bareBatches(stack, hosts, batching) },
        { pairs: PAIRS, warmUp: 0 },
      );
      const single = await oneProcessPerHost(stack, hosts);
      const events = await eventCost(stack, hosts.slice(0, EVENT_HOSTS));
      const summary = summarizePairs(pairs);
      const perSecond = (ms: number): number => tenth((n * 1_000) / ms);
      const share = median(pairs.map(({ ours, bare }) => bare / ours));
      const ours = summary.ours.median;
      return {
        figures: [
          figure('run', perSecond(ours), 'hosts/s'),
          figure('best batching of the bare tool', perSecond(summary.bare.median), 'hosts/s'),
          figure('run, as a share of it', hundredth(share), 'times', { atLeast: 0.9 }),
          figure('one process per host', perSecond(single.perHostMs * n), 'hosts/s'),
          figure('run, as a multiple of it', tenth((single.perHostMs * n) / ours), 'times', { atLeast: 5 }),
          figure('what making events costs a batch', hundredth(events.percent), '%', { below: 2 }),
        ],
        details: { batching, tried, pairs: summary, single, events },
      };
    },
  );
}

const hundredth = (value: number): number => Math.round(value * 100) / 100;

async function makeHosts(stack: BenchStack, n: number): Promise<string[]> {
  const hosts = Array.from({ length: n }, (_, i) => `h${String(i + 1).padStart(5, '0')}`);
  const tasks = Array.from({ length: TASKS }, (_, i) => `    - { name: task ${i + 1}, raw: 'true' }\n`).join('');
  await writeFile(join(stack.root, PLAYBOOK), `- hosts: all\n  gather_facts: false\n  tasks:\n${tasks}`);
  await writeFile(join(stack.root, INVENTORY), hosts.map((host) => `${host} ansible_connection=local\n`).join(''));
  return hosts;
}

async function run(stack: BenchStack, { size, parallel }: Batching): Promise<number> {
  const startedAt = performance.now();
  await stack.client.workflow.execute('AnsibleWorkflow', {
    taskQueue: TASK_QUEUES.ansible,
    args: [{ playbook: PLAYBOOK, inventory: INVENTORY, batchSize: size, maxParallel: parallel, timeout: '30m' }],
    workflowId: `bench-${randomUUID()}`,
  });
  return performance.now() - startedAt;
}

/** Calls the bare tool for some hosts. Gives the milliseconds that it took. */
async function bareBatch(
  stack: BenchStack,
  hosts: readonly string[],
  events: { readonly hasEvents: boolean; readonly timeFile?: string } = { hasEvents: false },
): Promise<number> {
  const folder = join(stack.root, '.limits');
  await mkdir(folder, { recursive: true });
  const hostsFile = join(folder, randomUUID());
  await writeFile(hostsFile, hosts.map((host) => `${host}\n`).join(''));
  const call = { playbook: PLAYBOOK, inventory: INVENTORY, hostsFile, hosts: hosts.length, ...events };
  return (await runBare(ansibleBatchCall(stack, call))).totalMs;
}

async function bareBatches(stack: BenchStack, hosts: readonly string[], { size, parallel }: Batching): Promise<number> {
  const startedAt = performance.now();
  await inParallel(slicesOf(hosts, size), parallel, async (slice) => void (await bareBatch(stack, slice)));
  return performance.now() - startedAt;
}

/** What a host costs when every host has a process of its own, two of them at once as there are cores. */
async function oneProcessPerHost(stack: BenchStack, hosts: readonly string[]) {
  const sample = hosts.slice(0, SAMPLE);
  const startedAt = performance.now();
  await inParallel(sample, 2, async (host) => void (await bareBatch(stack, [host])));
  return { hosts: sample.length, perHostMs: (performance.now() - startedAt) / sample.length };
}

/**
 * Processor time of the main process of the same batch with the plugin that makes events and without it, in per cent of
 * whichever is less, the time of the whole batch or its processor time. Callbacks run in the main process; what its
 * forks take differs by more from batch to batch than events cost, and the wall clock knows nothing of one per cent.
 */
async function eventCost(stack: BenchStack, hosts: readonly string[]) {
  const timeFile = join(stack.root, '.main-process');
  const whole: { readonly wallMs: number; readonly processorMs: number }[] = [];
  const used = async (hasEvents: boolean): Promise<number> => {
    const before = await processorTimeOfChildren();
    const wallMs = await bareBatch(stack, hosts, { hasEvents, timeFile });
    if (!hasEvents) whole.push({ wallMs, processorMs: (await processorTimeOfChildren()) - before });
    return Number(await readFile(timeFile, 'utf8')) * 1_000;
  };
  const pairs = await interleave(
    { ours: () => used(true), bare: () => used(false) },
    { pairs: EVENT_PAIRS, warmUp: 1 },
  );
  const mainProcess = summarizePairs(pairs);
  const wallMs = summarize(whole.map((batch) => batch.wallMs));
  const processorMs = summarize(whole.map((batch) => batch.processorMs));
  const percent = (mainProcess.difference.median * 100) / Math.min(wallMs.median, processorMs.median);
  return { hosts: hosts.length, percent, mainProcess, wallMs, processorMs };
}

if (import.meta.main) await printBenchmark(ansibleBatches);

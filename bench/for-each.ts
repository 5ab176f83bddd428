import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TASK_QUEUES } from '@switchyard/contracts';
import { figure, measure, printBenchmark, type BenchmarkDocument } from './src/document.ts';
import { processorTime } from './src/processor-time.ts';
import { startStack, type BenchStack } from './src/stack.ts';
import { summarize, tenth } from './src/statistics.ts';

const WIDTH = 50;
const RUNS = 3;

/** What a fan-out costs the coordinator per item, when an item is one request that is answered at once. */
export function forEach({ n = 500 }: { n?: number } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'for-each',
      about: `a runbook step with forEach over ${n} items, ${WIDTH} at once, each of them one HTTP request that is answered at once`,
    },
    async () => {
      await using stack = await startStack(['coordinator', 'integration-worker']);
      await using site = await startSite();
      // The first run of a worker also loads and compiles its code.
      await fanOut(stack, site.url, Math.min(n, WIDTH));
      const runs: FanOut[] = [];
      for (let i = 0; i < RUNS; i++) {
        const before = site.answered();
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        runs.push(await fanOut(stack, site.url, n));
        if (site.answered() - before < n) throw new Error(`only ${site.answered() - before} of ${n} items were done`);
      }
      const coordinator = summarize(runs.map(({ coordinatorMs }) => coordinatorMs / n));
      const wall = summarize(runs.map(({ wallMs }) => wallMs / n));
      return {
        figures: [
          figure('processor time of the coordinator per item', coordinator.median, 'ms', { below: 20 }),
          figure('time of the run per item', wall.median, 'ms'),
        ],
        details: { items: n, width: WIDTH, coordinator, wall, runs },
      };
    },
  );
}

interface FanOut {
  readonly wallMs: number;
  readonly coordinatorMs: number;
}

async function fanOut(stack: BenchStack, url: string, items: number): Promise<FanOut> {
  const pid = await stack.workerPid('coordinator');
  if (pid === null) throw new Error('the coordinator is not running');
  const runbook = {
    apiVersion: 'switchyard.dev/v1',
    kind: 'Runbook',
    metadata: { name: 'fan-out' },
    steps: [
      {
        id: 'each',
        uses: 'http',
        forEach: Array.from({ length: items }, (_, i) => i),
        maxParallel: WIDTH,
        with: { url: `${url}/\${{ item }}` },
      },
    ],
  };
  const before = await processorTime(pid);
  const startedAt = performance.now();
  await stack.client.workflow.execute('RunbookWorkflow', {
    taskQueue: TASK_QUEUES.coordinator,
    args: [{ runbook }],
    workflowId: `bench-${randomUUID()}`,
  });
  return { wallMs: tenth(performance.now() - startedAt), coordinatorMs: (await processorTime(pid)) - before };
}

interface Site extends AsyncDisposable {
  readonly url: string;
  answered(): number;
}

/** A server on loopback that answers everything at once. */
async function startSite(): Promise<Site> {
  let answered = 0;
  const server = createServer((_request, response) => {
    answered += 1;
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered: () => answered,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

if (import.meta.main) await printBenchmark(forEach);

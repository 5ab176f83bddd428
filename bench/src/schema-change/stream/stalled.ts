import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from '../../poll.ts';
import type { BenchStack } from '../../stack.ts';
import { logPosition, megabytes, TABLE } from '../table.ts';
import { withClient } from '../with-client.ts';
import type { BenchStream } from './bench-stream.ts';

/** What a worker held while its applier stood still. */
export interface Stalled {
  readonly backlogMb: number;
  /** Resident memory of the worker process in MB: before, the most while it stood still, the most while it caught up. */
  readonly memoryMb: { readonly before: number; readonly stalled: number; readonly catchingUp: number };
  readonly catchUpSeconds: number;
}

const SAMPLE_MS = 100;

/** Somebody holds the fence of the stream, so that it can apply nothing, while a backlog grows. */
export async function stall(
  stack: BenchStack,
  stream: BenchStream,
  { url, backlogMb, stallMs }: { readonly url: string; readonly backlogMb: number; readonly stallMs: number },
): Promise<Stalled> {
  const pid = await stack.workerPid('cdc-worker');
  if (pid === null) throw new Error('the cdc-worker does not run');
  const memory = sampleMemory(pid);
  await sleep(3 * SAMPLE_MS);
  const before = memory.most();
  const written = await withClient(url, async (holder) => {
    await holder.query('begin');
    await holder.query('select 1 from switchyard_change.control where change = $1 for update', [stream.change]);
    const begun = await logPosition(url);
    const grown = await withClient(url, (client) =>
      poll(
        async () => {
          await client.query(`update ${TABLE} set note = repeat(md5(random()::text), 8), witness = witness`);
          const size = (await logPosition(url)) - begun;
          return megabytes(size) >= backlogMb ? size : undefined;
        },
        { what: 'the backlog', everyMs: 0, timeoutMs: 10 * 60_000 },
      ),
    );
    await sleep(stallMs);
    return { grown, stalled: memory.most(), release: await holder.query('commit') };
  });
  memory.forget();
  const startedAt = performance.now();
  await stream.barrier();
  const catchUpSeconds = (performance.now() - startedAt) / 1_000;
  const catchingUp = memory.most();
  await memory.stop();
  return {
    backlogMb: megabytes(written.grown),
    memoryMb: { before, stalled: written.stalled, catchingUp },
    catchUpSeconds,
  };
}

/** Looks at the resident memory of a process until it is stopped. */
function sampleMemory(pid: number): { most: () => number; forget: () => void; stop: () => Promise<void> } {
  let most = 0;
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      most = Math.max(most, Math.round((kilobytes * 1_024) / 1e6));
      // oxlint-disable-next-line no-await-in-loop
      await sleep(SAMPLE_MS);
    }
  })();
  sampling.catch(() => undefined);
  return {
    most: () => most,
    forget: () => (most = 0),
    stop: () => {
      isOver = true;
      return sampling;
    },
  };
}

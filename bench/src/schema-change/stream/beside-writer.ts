import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, tenth } from '../../statistics.ts';
import { SPEECH } from '../contenders/ours.ts';
import { latencyIn, type Latency } from '../latency.ts';
import { startWriter } from '../writer.ts';
import type { BenchStream } from './bench-stream.ts';

/** Milliseconds that barriers took. */
export interface Barriers {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Sends barriers one after the other and times each. */
export async function timeBarriers(
  stream: BenchStream,
  { until, pauseMs }: { readonly until: (n: number) => boolean; readonly pauseMs: number },
): Promise<Barriers> {
  const waits: number[] = [];
  while (!until(waits.length)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    waits.push((await stream.barrier()).waitedMs);
    // oxlint-disable-next-line no-await-in-loop
    await sleep(pauseMs);
  }
  const at = (share: number): number => tenth(quantile(waits, share));
  return { n: waits.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** A stream beside an application that writes. */
export interface Beside {
  readonly keysPerSecond: number;
  readonly barriers: Barriers;
  readonly writers: Latency | null;
}

const WRITES_PER_SECOND = 550;
const ROWS_PER_WRITE = 10;

/** Writes of ten rows each for some seconds; every barrier tells how far the stream is behind. */
export async function besideWriter(
  stream: BenchStream,
  { url, rows, seconds }: { readonly url: string; readonly rows: number; readonly seconds: number },
): Promise<Beside> {
  await using writer = await startWriter({
    url,
    rows,
    speech: SPEECH.old,
    perSecond: WRITES_PER_SECOND,
    rowsPerWrite: ROWS_PER_WRITE,
  });
  const from = Date.now();
  const end = performance.now() + 1_000 * seconds;
  const barriers = await timeBarriers(stream, { until: () => performance.now() > end, pauseMs: 50 });
  const to = Date.now();
  const writers = latencyIn(await writer.stop(), { from, to });
  return {
    keysPerSecond: Math.round(((writers?.writes ?? 0) * ROWS_PER_WRITE * 1_000) / (to - from)),
    barriers,
    writers,
  };
}

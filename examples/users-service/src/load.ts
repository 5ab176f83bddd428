import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createBook } from './load/book.js';
import { DEFAULT_MIX, nextOperation, readOf, type Mix, type Operation } from './load/operations.js';
import { seededRandom } from './load/random.js';
import { createTally, type LoadReport } from './load/tally.js';

export type { Mix } from './load/operations.js';
export type { LoadReport } from './load/tally.js';

/** Options of {@link runLoad}. */
export interface LoadOptions {
  /** The replicas; each request goes to one of them by chance. */
  readonly urls: readonly string[];
  /** Ends the load; what is under way is waited for. */
  readonly signal: AbortSignal;
  /** Requests per second, sent when they are due, whether or not earlier ones were answered. Default 100. */
  readonly rate?: number;
  /** Weights of the operations. Default {@link DEFAULT_MIX}. */
  readonly mix?: Mix;
  /** Milliseconds above which a served request counts as slow. Default 250. */
  readonly slowMs?: number;
  /** Milliseconds without an answer after which a request failed. Default 10,000. */
  readonly timeoutMs?: number;
  /** Seed of all choices; two loads with one seed are alike, not equal, since answers come when they come. Default: by chance. */
  readonly seed?: number;
}

/** Reads at once when all users are read in the end. */
const READERS = 8;

/**
 * Sends an open-loop load until the signal aborts, then reads every user once more. It remembers what it wrote and
 * compares what it reads; requests about one user never overlap, so that every difference is a lost or stale write.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { urls, signal, rate = 100, mix = DEFAULT_MIX, slowMs = 250, timeoutMs = 10_000 } = options;
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const random = seededRandom(seed);
  const book = createBook();
  const tally = createTally(slowMs);
  const pending = new Set<Promise<void>>();

  const send = async (operation: Operation, dueAt: number): Promise<void> => {
    const url = urls[Math.floor(random() * urls.length)] ?? '';
    try {
      const response = await fetch(`${url}${operation.path}`, {
        method: operation.method,
        signal: AbortSignal.timeout(timeoutMs),
        ...(operation.body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation.body) }),
      });
      const text = await response.text();
      if (!response.ok) return tally.failed(operation.name, String(response.status), text);
      const mismatch = operation.done(text === '' ? undefined : JSON.parse(text));
      if (mismatch) tally.mismatched(mismatch);
      tally.served(operation.name, performance.now() - dueAt);
    } catch (error) {
      tally.failed(operation.name, errorCode(error), String(error));
    }
  };
  const start = (operation: Operation, dueAt: number): void => {
    const sending = send(operation, dueAt).finally(() => pending.delete(sending));
    pending.add(sending);
  };

  const startedAt = performance.now();
  for (let serial = 0; !signal.aborted; serial++) {
    const dueAt = startedAt + (serial * 1_000) / rate;
    await sleep(Math.max(0, dueAt - performance.now()), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) start(nextOperation(book, mix, random, serial), dueAt);
  }
  await Promise.all(pending);
  const durationMs = Math.round(performance.now() - startedAt);
  const readAll = async (): Promise<void> => {
    for (let entry = book.borrow(random); entry; entry = book.borrow(random)) {
      await send(readOf(createBook(), entry), performance.now());
    }
  };
  await Promise.all(Array.from({ length: READERS }, readAll));
  return tally.report({ seed, durationMs });
}

/** ECONNREFUSED and the like, or the name of the error. */
function errorCode(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string')
    return cause.code;
  return cause instanceof Error ? cause.name : String(cause);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', multiple: true },
      rate: { type: 'string', default: '100' },
      seconds: { type: 'string' },
      'slow-ms': { type: 'string', default: '250' },
      seed: { type: 'string' },
    },
  });
  if (!values.url)
    throw new Error(
      'usage: load --url http://127.0.0.1:3000 [--url ...] [--rate 100] [--seconds 60] [--slow-ms 250] [--seed 1]',
    );
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  if (values.seconds !== undefined) setTimeout(() => stop.abort(), Number(values.seconds) * 1_000).unref();
  const report = await runLoad({
    urls: values.url,
    signal: stop.signal,
    rate: Number(values.rate),
    slowMs: Number(values['slow-ms']),
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = report.failed + report.mismatched === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

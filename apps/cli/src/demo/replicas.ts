import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { endWithParent, type Guard } from '@switchyard/local-stack';
import { z } from 'zod';

/** What the load met, as it prints it at its end. */
const loadReportSchema = z.object({
  durationMs: z.number(),
  sent: z.number(),
  served: z.number(),
  failed: z.number(),
  slow: z.number(),
  slowMs: z.number(),
  mismatched: z.number(),
  mismatches: z.array(z.object({ id: z.string(), wanted: z.unknown(), got: z.unknown() })),
  firstFailures: z.array(z.string()),
  operations: z.record(z.string(), z.number()),
  latencyMs: z.object({ p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() }),
});
export type LoadReport = z.output<typeof loadReportSchema>;

/** The users-service in several replicas, with a load on them. */
export interface ServedUsers {
  readonly urls: readonly string[];
  /** Ends the load, which then reads every user once more, and tells what it met. */
  readonly stopLoad: () => Promise<LoadReport>;
  /** Ends everything, load first. Safe to repeat. */
  readonly close: () => Promise<void>;
}

/** Options of {@link serveUsers}. */
export interface ServeOptions {
  readonly root: string;
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  readonly replicas: number;
  /** Requests per second. */
  readonly rate: number;
}

const READY_MS = 30_000;
const END_MS = 20_000;

/** Starts the replicas of examples/users-service, waits until they hold their lease, and starts the load. */
export async function serveUsers(options: ServeOptions): Promise<ServedUsers> {
  const { root, databaseUrl, gatewayUrl, replicas, rate } = options;
  const program = (name: string): string => join(root, 'examples', 'users-service', 'dist', `${name}.js`);
  const log = join(root, '.switchyard', 'logs', 'users-service.log');
  const env = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: databaseUrl,
    GATEWAY_URL: gatewayUrl,
    HOST: '127.0.0.1',
    PORT: '0',
  };
  const started: Program[] = [];
  const close = async (): Promise<void> => {
    // Whoever asks ends before those who answer.
    for (const one of started.splice(0).toReversed()) await one.end();
  };
  try {
    const services = Array.from({ length: replicas }, () => startProgram([program('main')], env, log));
    started.push(...services);
    const urls = await Promise.all(services.map((service) => readyAt(service, log)));
    const load = startProgram(
      [program('load'), ...urls.flatMap((url) => ['--url', url]), '--rate', String(rate)],
      env,
      log,
    );
    started.push(load);
    return {
      urls,
      close,
      async stopLoad() {
        await load.end();
        return loadReportSchema.parse(JSON.parse(load.output()));
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Program {
  readonly output: () => string;
  readonly isOver: () => boolean;
  /** SIGTERM, time to end in order, SIGKILL. */
  readonly end: () => Promise<void>;
}

function startProgram(words: readonly string[], env: Record<string, string>, log: string): Program {
  const child: ChildProcess = spawn(process.execPath, [...words], {
    env,
    detached: true, // a Ctrl-C in the terminal is for the demo, which ends them in order
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let isOver = false;
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr?.pipe(createWriteStream(log, { flags: 'a', mode: 0o600 }));
  const guard: Guard | undefined = child.pid === undefined ? undefined : endWithParent(child.pid, { signal: 'TERM' });
  const closed = new Promise<void>((resolve) => {
    const over = (): void => {
      isOver = true;
      guard?.release();
      resolve();
    };
    child.once('close', over).once('error', over);
  });
  return {
    output: () => output,
    isOver: () => isOver,
    async end() {
      if (isOver) return;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await closed;
      clearTimeout(kill);
    },
  };
}

const listening = z.object({ msg: z.literal('listening'), url: z.string() });

async function readyAt(service: Program, log: string): Promise<string> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline && !service.isOver(); await sleep(100)) {
    const [line] = service.output().split('\n', 1);
    const said = listening.safeParse(line === undefined || line === '' ? null : JSON.parse(line));
    if (!said.success) continue;
    const { url } = said.data;
    const isReady = await fetch(`${url}/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return url;
  }
  throw new CodedError('UpstreamFailed', `users-service did not get ready; its log is ${log}`);
}

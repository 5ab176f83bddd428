import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { baseEnvironment } from '@switchyard/process';

/** A line of the worker's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** Options of {@link startWorker}. */
export interface WorkerProcessOptions {
  readonly taskQueue: string;
  readonly bundle?: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A worker in a process of its own, as in production. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #closed: Promise<unknown>;
  readonly lines: LogLine[] = [];
  stderr = '';

  constructor({ taskQueue, bundle, env }: WorkerProcessOptions) {
    const main = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url));
    this.#child = spawn(process.execPath, [main, taskQueue, ...(bundle === undefined ? [] : [bundle])], {
      env: { ...baseEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close').then(() => this.#wake());
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.lines.push(JSON.parse(line) as LogLine);
        this.#wake();
      });
    }
  }

  #wake(): void {
    for (const check of this.#waiting) check();
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The first log line with this message. */
  async line(message: string): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const check = (): void => {
      const found = this.lines.find(({ msg }) => msg === message);
      if (found) resolve(found);
      else if (this.hasEnded) {
        const log = this.lines.map((line) => JSON.stringify(line)).join('\n');
        reject(new Error(`the worker ended without "${message}":\n${log}\n${this.stderr}`));
      }
    };
    this.#waiting.add(check);
    check();
    return promise.finally(() => this.#waiting.delete(check));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. Returns the exit code, null when a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.ended();
  }
}

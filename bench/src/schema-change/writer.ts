import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Writes } from './latency.ts';

/** The shape in which an application writes. */
export interface Speech {
  readonly searchPath: string;
  /** Column that takes the plan as text; null: it is not written. */
  readonly text: string | null;
  /** Column that takes the plan as a code; null: it is not written. */
  readonly code: string | null;
}

/** Options of {@link startWriter}. */
export interface WriterOptions {
  readonly url: string;
  /** Rows of the table: keys are taken from 1 to this. */
  readonly rows: number;
  readonly speech: Speech;
  /** Writes a second, whatever the answers take. Default 550. */
  readonly perSecond?: number;
  /** Rows of a write. 1 (default): of twenty writes fifteen update, four insert and one deletes. More: all update. */
  readonly rowsPerWrite?: number;
}

/** What the thread of a writer is given. */
export type WriterData = Required<WriterOptions> & { readonly connections: number };

/** What is said to the thread, and what it answers. */
export type ToWriter = { readonly kind: 'speak'; readonly speech: Speech } | { readonly kind: 'stop' };
export type FromWriter =
  { readonly kind: 'writing' } | { readonly kind: 'spoken' } | { readonly kind: 'stopped'; readonly writes: Writes };

/** An application that writes at a fixed rate. */
export interface Writer extends AsyncDisposable {
  /** Changes the shape in which it writes. Resolves when every write in the old one was answered. */
  readonly speak: (speech: Speech) => Promise<void>;
  /** Ends it; gives everything that it saw. */
  readonly stop: () => Promise<Writes>;
}

const CONNECTIONS = 8;
const PER_SECOND = 550;

/**
 * Starts an open loop of writes in a thread of its own: a write that waits does not hold up those that are due after
 * it, and what the bench itself computes does not make the clock of a write stand still.
 */
export async function startWriter(options: WriterOptions): Promise<Writer> {
  const workerData: WriterData = { perSecond: PER_SECOND, rowsPerWrite: 1, connections: CONNECTIONS, ...options };
  const thread = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData });
  const failed = new Promise<never>((_, reject) => thread.once('error', reject));
  failed.catch(() => undefined);
  const answer = async (kind: FromWriter['kind']): Promise<FromWriter> => {
    const [message] = (await Promise.race([once(thread, 'message'), failed])) as [FromWriter];
    if (message.kind !== kind) throw new Error(`the writer said "${message.kind}" instead of "${kind}"`);
    return message;
  };
  // A thread has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  const say = (message: ToWriter): void => thread.postMessage(message);
  await answer('writing');
  return {
    speak: async (speech) => {
      say({ kind: 'speak', speech });
      await answer('spoken');
    },
    stop: async () => {
      say({ kind: 'stop' });
      const stopped = await answer('stopped');
      if (stopped.kind !== 'stopped') throw new Error('the writer gave no figures');
      return stopped.writes;
    },
    [Symbol.asyncDispose]: async () => void (await thread.terminate()),
  };
}

import type { Log } from './logger.js';

/** Ends one thing that was opened. */
export type Close = () => void | Promise<void>;

/** What a worker opened, to be closed in reverse order. */
export interface Closers {
  /** Registers the ending of something that is open now. */
  add(name: string, close: Close): void;
  /** Closes everything, newest first; each is attempted, whatever the others do. Returns the first error. */
  closeAll(): Promise<Error | undefined>;
}

/** How long one thing may take to close: a hanging one must not keep the others open, nor the process alive. */
const CLOSE_MS = 10_000;

/** An empty list of things to close; failures go to the log. */
export function createClosers(log: Log, closeMs = CLOSE_MS): Closers {
  const open: { readonly name: string; readonly close: Close }[] = [];

  const closeOne = async (name: string, close: Close): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${name} did not close within ${closeMs} ms`)), closeMs);
    });
    try {
      await Promise.race([(async () => close())(), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    add(name, close) {
      open.push({ name, close });
    },
    async closeAll() {
      let first: Error | undefined;
      for (let last = open.pop(); last; last = open.pop()) {
        try {
          await closeOne(last.name, last.close);
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          log.error({ err: error, resource: last.name }, 'could not be closed');
          first ??= error;
        }
      }
      return first;
    },
  };
}

import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StringDecoder } from 'node:string_decoder';
import { MOST_LINE_CHARS } from './text-limits.js';

const POLL_MS = 40;
const CHUNK_BYTES = 64 * 1024;

/** A file that is read while a program writes it. */
export interface FollowedFile {
  /** The writer has ended: reads the rest, and resolves when every line was given. Throws what `onLine` threw first. */
  end(): Promise<void>;
}

/**
 * Reads a growing file by lines. A line that `onLine` fails on does not stop the reading: whoever writes the file must
 * not be disturbed by what happens to its reader.
 */
export async function followFile(file: string, onLine: (line: string) => void | Promise<void>): Promise<FollowedFile> {
  const handle = await open(file, 'a+', 0o600);
  const stop = new AbortController();
  const lines = createLines(onLine);
  const readAll = async (): Promise<void> => {
    try {
      for (let isLast = false; !isLast;) {
        // Asked before the read: what was written until then is seen by it.
        isLast = stop.signal.aborted;
        await readOn(handle, lines);
        if (!isLast) await sleep(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
      await lines.end();
    } finally {
      await handle.close();
    }
  };
  const reading = readAll();
  // Handled in `end`; until then it must not count as nobody's.
  reading.catch(() => undefined);
  return {
    async end() {
      stop.abort();
      await reading;
      lines.throwFirst();
    },
  };
}

async function readOn(handle: FileHandle, lines: ReturnType<typeof createLines>): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, lines.position);
    if (bytesRead === 0) return;
    await lines.push(buffer.subarray(0, bytesRead));
  }
}

function createLines(onLine: (line: string) => void | Promise<void>) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let position = 0;
  let failure: { readonly error: unknown } | undefined;
  const give = async (line: string): Promise<void> => {
    try {
      await onLine(line);
    } catch (error) {
      failure ??= { error };
    }
  };
  return {
    get position() {
      return position;
    },
    async push(bytes: Buffer): Promise<void> {
      position += bytes.length;
      const parts = `${rest}${decoder.write(bytes)}`.split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) await give(line);
      if (rest.length > MOST_LINE_CHARS) {
        await give(rest);
        rest = '';
      }
    },
    async end(): Promise<void> {
      rest += decoder.end();
      if (rest !== '') await give(rest);
      rest = '';
    },
    throwFirst(): void {
      if (failure) throw failure.error;
    },
  };
}

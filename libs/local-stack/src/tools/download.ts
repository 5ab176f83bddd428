import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { errorCode, messageOf } from '../error-code.js';

/** One file to download. */
export interface Download {
  readonly url: string;
  /** SHA-256 in hex. A file with any other digest is never used. */
  readonly sha256: string;
}

/** Options of {@link download}. */
export interface DownloadOptions {
  /** Milliseconds until the server must have begun to answer. Short, since a next source may work. Default 5000. */
  readonly connectMs?: number;
  /** Milliseconds without any byte until it is given up. Default 20000. */
  readonly stallMs?: number;
  /** Called now and then with how much is there. */
  readonly progress?: (line: string) => void;
}

/** Downloads a file, checks its digest, and writes it to `target`. */
export async function download(file: Download, target: string, options: DownloadOptions = {}): Promise<void> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), options.connectMs ?? 5_000);
  try {
    const response = await fetch(file.url, { signal: abort.signal });
    if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`);
    const total = Number(response.headers.get('content-length') ?? 0);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let said = Date.now();
    const reader = response.body.getReader();
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), options.stallMs ?? 20_000);
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
      if (Date.now() - said > 2_000) {
        said = Date.now();
        options.progress?.(
          `${megabytes(bytes)}${total > 0 ? ` of ${megabytes(total)}` : ''} from ${new URL(file.url).host}`,
        );
      }
    }
    const content = Buffer.concat(chunks);
    const digest = createHash('sha256').update(content).digest('hex');
    if (digest !== file.sha256)
      throw new Error(`has SHA-256 ${digest}, not the pinned ${file.sha256}; it was not used`);
    await writeFile(target, content);
  } catch (error) {
    throw new Error(`${file.url} ${abort.signal.aborted ? 'did not answer in time' : reason(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;

/** fetch hides the reason (ENOTFOUND, ECONNREFUSED) in its cause. */
function reason(error: unknown): string {
  const code = error instanceof Error ? errorCode(error.cause) : undefined;
  return code === undefined ? messageOf(error) : `is unreachable (${code})`;
}

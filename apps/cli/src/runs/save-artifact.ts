import { createWriteStream } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Writes an artifact for its owner alone. The file is there only when all of it is: the last bytes prove the first ones.
 * @throws Error EEXIST when somebody has made the file meanwhile
 */
export async function saveArtifact(content: Readable, file: string): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  try {
    await pipeline(content, createWriteStream(part, { flags: 'wx', mode: 0o600 }));
    await link(part, file);
  } finally {
    await rm(part, { force: true });
  }
}

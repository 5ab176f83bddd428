import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { errorCode } from '../error-code.js';

/** The content of a file with mode 600, which is made with random bytes when it is not there. */
export async function secretFile(path: string, encoding: 'hex' | 'base64', bytes: number): Promise<string> {
  const part = `${path}.${process.pid}`;
  await writeFile(part, randomBytes(bytes).toString(encoding), { mode: 0o600 });
  try {
    await link(part, path); // only the first of several wins, and nobody sees a half-written one
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(part, { force: true });
  }
  return readFile(path, 'utf8');
}

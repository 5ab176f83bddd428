import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { MANIFEST, stableJson, type Manifest } from './manifest.js';

/** A finished pack. */
export interface Packed {
  readonly manifest: Manifest;
  /** Digest of the manifest, `sha256:` and 64 hex digits: whoever keeps it elsewhere can prove the whole pack by it. */
  readonly digest: string;
}

/**
 * Packs what `fill` writes into an empty folder as a .tar.gz with a manifest of digests. The same files give the same
 * bytes: no times, owners or orders of this machine are kept. The file appears under its name only when it is complete.
 */
export async function packEvidence(
  file: string,
  fill: (folder: string) => Promise<Omit<Manifest, 'files' | 'format'>>,
): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-evidence-'));
  const part = join(dirname(file), `.${process.pid}.evidence-part`);
  try {
    const about = await fill(folder);
    const names = (await readdir(folder)).toSorted();
    const manifest: Manifest = {
      ...about,
      format: 'switchyard.dev/evidence/v1',
      files: await Promise.all(
        names.map(async (path) => ({
          path,
          bytes: (await stat(join(folder, path))).size,
          sha256: await digestOfFile(join(folder, path)),
        })),
      ),
    };
    const text = stableJson(manifest);
    await writeFile(join(folder, MANIFEST), text);
    await create(
      { file: part, cwd: folder, gzip: { level: 9, portable: true }, portable: true, mtime: new Date(0), strict: true },
      [MANIFEST, ...names],
    );
    await rename(part, file);
    return { manifest, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` };
  } finally {
    await Promise.all([rm(folder, { recursive: true, force: true }), rm(part, { force: true })]);
  }
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

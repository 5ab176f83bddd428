import { createHash, type Hash } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';
import { list } from 'tar';
import { MANIFEST, manifestSchema, type Manifest } from './manifest.js';

/** What the check of a pack came to. */
export interface Verified {
  readonly runId: string | null;
  /** Digest of the manifest as it is in the pack; null when there is none. */
  readonly digest: string | null;
  readonly files: number;
  /** What is wrong, in sentences; empty for a pack that is as it was made. */
  readonly problems: readonly string[];
}

/** Bytes of a manifest that are read: thousands of files fit in, and a file that only claims to be one does not. */
const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly hash: Hash;
  bytes: number;
}

/**
 * Checks every file of a pack against its manifest, and the manifest against `digest` where one is given. Nothing is
 * written to disk.
 * @throws InvalidInput for a file that is no archive
 */
export async function verifyPack(file: string, digest?: string): Promise<Verified> {
  const entries = new Map<string, Entry>();
  const problems: string[] = [];
  const manifestParts: Buffer[] = [];
  let manifestBytes = 0;
  try {
    await list({
      file,
      strict: true,
      onReadEntry: (read) => {
        if (entries.has(read.path)) problems.push(`${read.path} is there twice`);
        if (read.type !== 'File' && read.type !== 'OldFile')
          problems.push(`${read.path} is no file but a ${read.type}`);
        const entry: Entry = { hash: createHash('sha256'), bytes: 0 };
        entries.set(read.path, entry);
        read.on('data', (chunk: Buffer) => {
          entry.hash.update(chunk);
          entry.bytes += chunk.length;
          if (read.path !== MANIFEST || (manifestBytes += chunk.length) > MOST_MANIFEST_BYTES) return;
          manifestParts.push(chunk);
        });
      },
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CodedError('NotFound', `there is no file "${file}"`, { cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('InvalidInput', `${file} cannot be read as a .tar.gz to its end: ${why}`, { cause });
  }
  const found = entries.get(MANIFEST);
  entries.delete(MANIFEST);
  if (!found)
    return { runId: null, digest: null, files: entries.size, problems: [`it has no ${MANIFEST}`, ...problems] };
  const manifestDigest = `sha256:${found.hash.digest('hex')}`;
  if (digest !== undefined && digest !== manifestDigest)
    problems.push(`the manifest has the digest ${manifestDigest}, not ${digest}`);
  const manifest = parseManifest(Buffer.concat(manifestParts).toString('utf8'));
  if (!manifest) problems.push(`${MANIFEST} is not one of format switchyard.dev/evidence/v1`);
  return {
    runId: manifest?.runId ?? null,
    digest: manifestDigest,
    files: entries.size,
    problems: [...problems, ...(manifest ? differences(manifest, entries) : [])],
  };
}

function parseManifest(text: string): Manifest | undefined {
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function differences({ files }: Manifest, entries: ReadonlyMap<string, Entry>): string[] {
  const listed = new Set(files.map(({ path }) => path));
  return [
    ...files.flatMap(({ path, bytes, sha256 }) => {
      const entry = entries.get(path);
      if (!entry) return [`${path} is missing`];
      if (entry.bytes !== bytes) return [`${path} has ${entry.bytes} bytes, not ${bytes}`];
      return entry.hash.digest('hex') === sha256 ? [] : [`${path} was changed`];
    }),
    ...[...entries.keys()].filter((path) => !listed.has(path)).map((path) => `${path} is not in the manifest`),
  ];
}

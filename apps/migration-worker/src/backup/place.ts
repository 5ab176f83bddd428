import { mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';
import { readManifest, type Manifest } from './manifest.js';
import { numbered } from './names.js';

/** Where a backup goes. */
export interface BackupPlace {
  readonly directory: string;
  readonly part: string;
  readonly dump: string;
  readonly manifest: string;
  /** The finished backup of an earlier attempt of this run, whose answer was lost. */
  readonly finished: Manifest | undefined;
}

const MOST_OF_ONE_NAME = 10_000;

/** The directory below the backup root; made when it is missing. PathRefused when it lies elsewhere. */
export async function backupDirectory(root: string, directory: string | null): Promise<string> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (directory === null) return resolveInside([root], '.');
  // Refused before anything is made; what does not exist yet is made and looked at again, for links.
  const isMissing = await resolveInside([root], directory).then(
    () => false,
    (error: unknown) => {
      if (error instanceof CodedError && error.code === 'NotFound') return true;
      throw error;
    },
  );
  if (isMissing) await mkdir(join(root, directory), { recursive: true, mode: 0o700 });
  return resolveInside([root], directory);
}

/** The first free name, or the one at which an earlier attempt of this execution was. */
export async function findPlace(directory: string, name: string, executionId: string): Promise<BackupPlace> {
  for (let count = 1; count <= MOST_OF_ONE_NAME; count++) {
    const base = join(directory, numbered(name, count));
    const place = {
      directory,
      part: `${base}.${executionId.slice(0, 8)}.dump.part`,
      dump: `${base}.dump`,
      manifest: `${base}.manifest.json`,
    };
    const manifest = await readManifest(place.manifest);
    const dump = await stat(place.dump).catch(() => undefined);
    if (manifest?.executionId === executionId) {
      if (dump?.size === manifest.bytes) return { ...place, finished: manifest };
      // The manifest was written and its dump was not yet put into place.
      if (!dump) {
        await unlink(place.manifest);
        return { ...place, finished: undefined };
      }
    }
    const isTaken = dump !== undefined || (await stat(place.manifest).catch(() => undefined)) !== undefined;
    if (!isTaken) return { ...place, finished: undefined };
  }
  throw new CodedError(
    'BackupFailed',
    `${directory} holds ${MOST_OF_ONE_NAME} backups named "${name}"; give another backup.name`,
    { retryable: false },
  );
}

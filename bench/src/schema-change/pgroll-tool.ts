import { execFile } from 'node:child_process';
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toolContext } from '@switchyard/local-stack';
import { findExecutable } from '@switchyard/process';

const MODULE = fileURLToPath(new URL('../../pgroll/', import.meta.url));
const VERSION = '0.16.2';

/** The program, or why it is left out. */
export type PgrollTool = { readonly path: string } | { readonly leftOut: string };

/**
 * Finds pgroll in the cache folder of the user, or builds it there: a tool of the module `bench/pgroll`. Building takes
 * minutes, so a run that measures next to nothing says `mayBuild: false`.
 */
export async function findPgroll({ mayBuild }: { readonly mayBuild: boolean }): Promise<PgrollTool> {
  const folder = join(toolContext().cacheDir, 'pgroll', VERSION);
  const path = join(folder, 'pgroll');
  if (await exists(path)) return { path };
  if (!mayBuild) return { leftOut: 'pgroll is not built yet, and a run this small does not build it' };
  const go = await findExecutable('go').catch(() => undefined);
  if (go === undefined)
    return { leftOut: 'pgroll is built with Go (and a C compiler), and there is no go on the PATH' };
  process.stderr.write(`building pgroll ${VERSION}, which takes some minutes\n`);
  await mkdir(folder, { recursive: true });
  const part = `${path}.${process.pid}`;
  try {
    await promisify(execFile)(go, ['build', '-o', part, 'github.com/xataio/pgroll'], {
      cwd: MODULE,
      env: { ...process.env, GOFLAGS: '-mod=mod' },
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    return {
      leftOut: `pgroll could not be built: ${error instanceof Error ? error.message.slice(0, 2_000) : String(error)}`,
    };
  }
  await rename(part, path);
  return { path };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

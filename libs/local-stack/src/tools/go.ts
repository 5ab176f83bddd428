import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../processes/run-program.js';
import { installOnce, type CacheEntry } from './cache.js';
import { onPath } from './sources.js';
import type { SourceAnswer, ToolContext } from './tool.js';

/** A program that Go can build from its module. */
export interface GoProgram {
  /** For people: `Temporal`. */
  readonly title: string;
  /** Import path of the program; its last part is the name of the executable. */
  readonly path: string;
  /** How long that takes, for people. */
  readonly duration: string;
}

/**
 * Builds a program with Go into a cache entry, without cgo, so that it runs wherever it is copied to. The checksum
 * database of Go guards the sources. Answers only where there is no Go; resolves to undefined when the entry is there.
 */
export async function buildWithGo(
  context: ToolContext,
  entry: CacheEntry,
  program: GoProgram,
): Promise<SourceAnswer | undefined> {
  const go = await onPath(context, 'go');
  if (go === undefined) return { outcome: 'absent', detail: 'no go on the PATH' };
  const what = `${program.title} ${entry.version}`;
  context.progress(`building ${what} with Go: ${program.duration}, once for this user`);
  const began = Date.now();
  const ticker = setInterval(() => {
    context.progress(`still building ${what}, ${Math.round((Date.now() - began) / 1_000)} s so far`);
  }, 15_000);
  // Caches of its own, removed afterwards: gigabytes that the user never asked for.
  const scratch = await mkdtemp(join(context.env['TMPDIR'] ?? tmpdir(), 'switchyard-go-'));
  try {
    await installOnce(context, entry, async (folder) => {
      const result = await runProgram(
        go,
        ['install', '-modcacherw', '-trimpath', '-ldflags', '-s -w', `${program.path}@v${entry.version}`],
        {
          cwd: scratch, // a go.mod or go.work of the caller's directory would be taken into account
          timeoutMs: 30 * 60_000,
          scratch,
          env: {
            ...context.env,
            CGO_ENABLED: '0',
            GOFLAGS: '',
            GOWORK: 'off',
            GOPATH: join(scratch, 'path'),
            GOBIN: join(scratch, 'bin'),
            GOMODCACHE: join(scratch, 'mod'),
            GOCACHE: join(scratch, 'build'),
          },
        },
      );
      if (!result.ok) throw new Error(`go install: ${result.how}`);
      const name = program.path.split('/').at(-1) ?? entry.name;
      await moveFile(join(scratch, 'bin', name), join(folder, name));
    });
  } finally {
    clearInterval(ticker);
    await rm(scratch, { recursive: true, force: true });
  }
  return undefined;
}

/** The scratch folder may lie on another file system, where a rename does not reach. */
async function moveFile(from: string, to: string): Promise<void> {
  await rename(from, to).catch(() => copyFile(from, to));
}

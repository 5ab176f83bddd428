import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
export function buildWithGo(
  context: ToolContext,
  entry: CacheEntry,
  program: GoProgram,
): Promise<SourceAnswer | undefined> {
  const name = program.path.split('/').at(-1) ?? entry.name;
  return withGo(context, entry, program, async ({ go, scratch, folder }) => {
    // A go.mod or go.work of the caller's directory would be taken into account.
    await go(scratch, ['install', '-modcacherw', ...SMALL, `${program.path}@v${entry.version}`]);
    await moveFile(join(scratch, 'bin', name), join(folder, name));
  });
}

/** Programs of a module that cannot be installed by name and version, since it replaces others. */
export interface GoModule {
  readonly title: string;
  readonly duration: string;
  /** Directory with the go.mod and go.sum that pin every source, below `go/` of this package. */
  readonly module: string;
  /** Import path of each executable. */
  readonly programs: Readonly<Record<string, string>>;
  /** Variables of the programs that their releases set, such as `example.org/x/version.dev=no`. */
  readonly values?: readonly string[];
}

/** As {@link buildWithGo}, for a module that this package pins. */
export function buildModuleWithGo(
  context: ToolContext,
  entry: CacheEntry,
  { module, programs, values = [], ...what }: GoModule,
): Promise<SourceAnswer | undefined> {
  const directory = fileURLToPath(new URL(`../../go/${module}/`, import.meta.url));
  return withGo(context, entry, what, async ({ go, folder }) => {
    for (const [name, path] of Object.entries(programs)) {
      // The second one takes what the first one compiled.
      // oxlint-disable-next-line no-await-in-loop
      await go(directory, [
        'build',
        '-modcacherw',
        '-mod=readonly',
        '-trimpath',
        '-ldflags',
        ['-s', '-w', ...values.map((value) => `-X ${value}`)].join(' '),
        '-o',
        join(folder, name),
        path,
      ]);
    }
  });
}

const SMALL = ['-trimpath', '-ldflags', '-s -w'];

interface Building {
  readonly go: (cwd: string, args: readonly string[]) => Promise<void>;
  readonly scratch: string;
  /** The entry, as long as it is being made. */
  readonly folder: string;
}

async function withGo(
  context: ToolContext,
  entry: CacheEntry,
  { title, duration }: Pick<GoProgram, 'title' | 'duration'>,
  build: (building: Building) => Promise<void>,
): Promise<SourceAnswer | undefined> {
  const executable = await onPath(context, 'go');
  if (executable === undefined) return { outcome: 'absent', detail: 'no go on the PATH' };
  const what = `${title} ${entry.version}`;
  context.progress(`building ${what} with Go: ${duration}, once for this user`);
  const began = Date.now();
  const ticker = setInterval(() => {
    context.progress(`still building ${what}, ${Math.round((Date.now() - began) / 1_000)} s so far`);
  }, 15_000);
  // Caches of its own, removed afterwards: gigabytes that the user never asked for.
  const scratch = await mkdtemp(join(context.env['TMPDIR'] ?? tmpdir(), 'switchyard-go-'));
  const env = {
    ...context.env,
    CGO_ENABLED: '0',
    GOFLAGS: '',
    GOWORK: 'off',
    GOPATH: join(scratch, 'path'),
    GOBIN: join(scratch, 'bin'),
    GOMODCACHE: join(scratch, 'mod'),
    GOCACHE: join(scratch, 'build'),
  };
  const go: Building['go'] = async (cwd, args) => {
    const result = await runProgram(executable, args, { cwd, timeoutMs: 30 * 60_000, scratch, env });
    if (!result.ok) throw new Error(`go ${args[0] ?? ''}: ${result.how}`);
  };
  try {
    await installOnce(context, entry, (folder) => build({ go, scratch, folder }));
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

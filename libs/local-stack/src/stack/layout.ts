import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { canEnter, openFolder, serverUser } from '../postgres/server-user.js';

/** Where the parts of one stack keep their things. */
export interface StackLayout {
  readonly root: string;
  /** The same for every stack of this root: it marks the processes of the stack in their environment. */
  readonly id: string;
  readonly folder: string;
  readonly stateFile: string;
  readonly lockFile: string;
  readonly logs: string;
  /** Secrets that runs may name; people may add files. */
  readonly secrets: string;
  /** Passwords and keys of the stack itself. */
  readonly own: string;
  readonly temporalFile: string;
  readonly databasesFile: string;
}

/** Name of the variable that marks the processes of a stack. */
export const STACK_MARKER = 'LOCAL_STACK_ID';

/** The places of a stack, by its root. */
export function stackLayout(root: string): StackLayout {
  const absolute = resolve(root);
  const folder = join(absolute, '.switchyard');
  return {
    root: absolute,
    id: createHash('sha256').update(absolute).digest('hex').slice(0, 16),
    folder,
    stateFile: join(folder, 'stack.json'),
    lockFile: join(folder, 'up.lock'),
    logs: join(folder, 'logs'),
    secrets: join(folder, 'secrets'),
    own: join(folder, 'own'),
    temporalFile: join(folder, 'temporal', 'server.db'),
    databasesFile: join(folder, 'databases.json'),
  };
}

/** Makes the folders. `.switchyard` itself can be entered by the user of the PostgreSQL server; what is secret cannot. */
export async function makeFolders(layout: StackLayout): Promise<void> {
  await mkdir(layout.folder, { recursive: true, mode: 0o755 });
  await mkdir(dirname(layout.temporalFile), { recursive: true, mode: 0o700 });
  await mkdir(layout.logs, { recursive: true, mode: 0o700 });
  await mkdir(layout.secrets, { recursive: true, mode: 0o700 });
  await mkdir(layout.own, { recursive: true, mode: 0o700 });
  await mkdir(join(layout.folder, 'work'), { recursive: true, mode: 0o700 });
  await mkdir(join(layout.folder, 'backups'), { recursive: true, mode: 0o700 });
  // Whatever the project ignores: no password of a stack is ever committed by `git add .`.
  await writeFile(join(layout.folder, '.gitignore'), '*\n');
}

/** Where PostgreSQL keeps its data, and a word about it when that is not below the root. */
export interface DataPlace {
  readonly directory: string;
  readonly notice: string | null;
}

/** PostgreSQL does not run as root; its other user may be unable to reach the root, and then the data lie elsewhere. */
export async function postgresData(layout: StackLayout): Promise<DataPlace> {
  const inside = join(layout.folder, 'postgres');
  const user = await serverUser();
  if (await canEnter(layout.folder, user)) return { directory: inside, notice: null };
  const directory = join(await openFolder(layout.id), 'postgres');
  return {
    directory,
    notice: `PostgreSQL runs as "${user?.name ?? ''}", who cannot enter ${layout.folder}; its data are in ${directory}`,
  };
}

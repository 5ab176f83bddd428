import { constants } from 'node:fs';
import { access, chmod, cp, lstat, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { errorCode } from '../error-code.js';

/** The user that a PostgreSQL server runs as; undefined: the calling user. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`, whichever the machine has. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new CodedError(
    'ToolMissing',
    'PostgreSQL does not run as root, and this machine has neither a user "postgres" nor "nobody"; run as an ordinary user',
  );
}

/** Whether `user` may pass through every directory down to `path`, which need not exist yet. */
export async function canEnter(path: string, user: ServerUser | undefined): Promise<boolean> {
  for (let directory = resolve(path); ; directory = dirname(directory)) {
    if (!(await mayPass(directory, user))) return false;
    if (directory === dirname(directory)) return true;
  }
}

async function mayPass(directory: string, user: ServerUser | undefined): Promise<boolean> {
  try {
    if (user === undefined) {
      await access(directory, constants.X_OK);
      return true;
    }
    const { mode, uid, gid } = await stat(directory);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    return (mode & bit) !== 0;
  } catch (error) {
    return errorCode(error) === 'ENOENT'; // will be made by us
  }
}

/**
 * A folder outside the checkout that the server's user can enter, for a checkout below a directory that only root can.
 * It is ours alone: a folder that someone else prepared under the same name is refused.
 */
export async function openFolder(name: string): Promise<string> {
  const base = `/var/tmp/switchyard-${process.getuid?.() ?? 0}`;
  await mkdir(base, { mode: 0o755 }).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  const info = await lstat(base);
  if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0) {
    throw new CodedError(
      'PathRefused',
      `${base} belongs to someone else or others may write to it; remove it and start again`,
    );
  }
  await chmod(base, 0o755);
  const folder = join(base, name);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/** `source` itself when the server's user can enter it, else a copy in an open folder, made once. */
export async function enterableCopy(source: string, name: string, user: ServerUser | undefined): Promise<string> {
  if (await canEnter(source, user)) return source;
  const folder = await openFolder('programs');
  const target = join(folder, name);
  if (await stat(target).catch(() => undefined)) return target;
  const part = `${target}.${process.pid}`;
  await cp(source, part, { recursive: true, verbatimSymlinks: true });
  // Two that copy at once make the same thing: the loser of the rename takes the winner's.
  await rename(part, target).catch(() => rm(part, { recursive: true, force: true }));
  return target;
}

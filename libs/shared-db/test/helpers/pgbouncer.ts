import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, constants, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort, type TestServer } from '../global-setup.js';
import { eventually } from './databases.js';

const run = promisify(execFile);
/** User id of `nobody`: PgBouncer refuses to run as root. */
const NOBODY = 65_534;

/** Where the program lies: one on PATH, or a Debian package unpacked in the user's cache folder. */
export interface PgBouncerProgram {
  readonly executable: string;
  /** Folder with its libraries, where it does not come from an installed package. */
  readonly libraries?: string;
}

/** Finds PgBouncer, or unpacks the Debian package without installing it. Undefined where neither is possible. */
export async function findPgBouncer(): Promise<PgBouncerProgram | undefined> {
  for (const directory of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']) {
    const executable = path.join(directory, 'pgbouncer');
    // oxlint-disable-next-line no-await-in-loop -- the first one wins
    if (directory !== '' && (await isExecutable(executable))) return { executable };
  }
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'switchyard', 'pgbouncer');
  const unpacked = { executable: path.join(cache, 'usr/sbin/pgbouncer'), libraries: path.join(cache, 'usr/lib') };
  if (await isExecutable(unpacked.executable)) return unpacked;
  try {
    await unpackDebianPackage(cache);
  } catch {
    return undefined;
  }
  return (await isExecutable(unpacked.executable)) ? unpacked : undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function unpackDebianPackage(cache: string): Promise<void> {
  await mkdir(path.dirname(cache), { recursive: true });
  // Beside its place and then renamed, so that two runs at once never see half a package.
  const parts = await mkdtemp(`${cache}-`);
  try {
    const { stdout } = await run('apt-cache', ['depends', 'pgbouncer'], { timeout: 30_000 });
    const libraries = [...stdout.matchAll(/Depends: (lib(?:c-ares|cares|event)\S*)/g)].map((match) => match[1] ?? '');
    await run('apt-get', ['download', '-qq', 'pgbouncer', ...libraries], { cwd: parts, timeout: 60_000 });
    const root = path.join(parts, 'root');
    for (const file of (await readdir(parts)).filter((name) => name.endsWith('.deb'))) {
      // oxlint-disable-next-line no-await-in-loop -- into the same folder, one after the other
      await run('dpkg', ['-x', path.join(parts, file), root], { timeout: 30_000 });
    }
    await rename(root, cache).catch(() => undefined);
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}

/** A running PgBouncer in transaction mode. */
export interface PgBouncer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Starts PgBouncer before the server. `poolSize` is the number of server connections that all clients share. */
export async function startPgBouncer(
  program: PgBouncerProgram,
  server: TestServer,
  poolSize: number,
): Promise<PgBouncer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'switchyard-pgbouncer-'));
  await chmod(directory, 0o755);
  const port = await freePort();
  // Copied, because the unprivileged user cannot enter a private home folder.
  const executable = path.join(directory, 'pgbouncer');
  await cp(program.executable, executable);
  const libraryPath =
    program.libraries === undefined ? [] : await copyLibraries(program.libraries, path.join(directory, 'lib'));
  const users = path.join(directory, 'users.txt');
  await writeFile(users, `"${server.user}" "${server.password}"\n`);
  const config = path.join(directory, 'pgbouncer.ini');
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=${server.host} port=${server.port}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = plain',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      `default_pool_size = ${poolSize}`,
      '',
    ].join('\n'),
  );
  const child = spawn(executable, ['-q', config], {
    stdio: 'ignore',
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath.join(':') },
    ...(process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  const exited = once(child, 'exit');
  const bouncer: PgBouncer = {
    host: '127.0.0.1',
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
  await eventually(() => answers(server, port), Boolean);
  return bouncer;
}

async function copyLibraries(from: string, to: string): Promise<string[]> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
  return [
    to,
    ...(await readdir(to, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(to, entry.name)),
  ];
}

async function answers(server: TestServer, port: number): Promise<boolean> {
  const client = new pg.Client({ ...server, port, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { Client } from 'pg';
import { errorCode, messageOf } from '../error-code.js';
import { freePort } from '../processes/ports.js';
import { endProcesses, identify, type ProcessIdentity } from '../processes/processes.js';
import { runProgram } from '../processes/run-program.js';
import { serverPrograms, type EmbeddedPackage } from './binaries.js';
import { serverUser, type ServerUser } from './server-user.js';

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  /** Directory of the data; made and filled when it is empty. The server's user must be able to enter it. */
  readonly dataDir: string;
  /** Password of the superuser `postgres`. It is set when the data are made and must stay the same. */
  readonly password: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Server settings, such as `{ wal_level: 'logical' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** File for what the server prints. */
  readonly logFile: string;
  /** Added to the environment of the server, such as a marker. */
  readonly env?: Readonly<Record<string, string>>;
  /** The npm package that holds the server. Default: the one of this package, the newest major. */
  readonly embedded?: EmbeddedPackage;
}

/** A running PostgreSQL server. */
export interface Cluster {
  readonly host: string;
  readonly port: number;
  /** URL of the database `postgres` as superuser. Holds the password. */
  readonly url: string;
  readonly identity: ProcessIdentity;
  /** Fast shutdown: clients are disconnected, nothing committed is lost. */
  readonly stop: () => Promise<void>;
}

/** Starts the embedded PostgreSQL on loopback, by TCP with passwords only, and waits until it takes connections. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const user = await serverUser();
  const { directory, version } = await serverPrograms(user, options.embedded);
  await initialise({ ...options, user, programs: directory, version });
  await refuseOtherMajor(options.dataDir, version);
  await removeStaleLock(options.dataDir);
  const attempts = options.port === undefined ? 3 : 1; // a free port may be taken between the question and the bind
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce({ ...options, user, programs: directory });
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}

type Start = ClusterOptions & { readonly user: ServerUser | undefined; readonly programs: string };

/** PostgreSQL's own provider of locales: the same order of text on every machine, whatever locales it has. */
const BUILTIN_LOCALE = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
const BUILTIN_LOCALE_SINCE = 17;

/** Makes the data directory once. A half-made one, left by a crash, is made anew: it cannot hold anything yet. */
async function initialise(options: Start & { readonly version: string }): Promise<void> {
  const { dataDir, user } = options;
  const done = join(dataDir, 'switchyard-initialised');
  if (await stat(done).catch(() => undefined)) return;
  if (await stat(join(dataDir, 'postmaster.opts')).catch(() => undefined)) return; // was started before: never delete data
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const secret = await mkdtemp(join(tmpdir(), 'switchyard-initdb-'));
  try {
    const passwordFile = join(secret, 'password');
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (user) await Promise.all([dataDir, secret, passwordFile].map((path) => chown(path, user.uid, user.gid)));
    const result = await runProgram(
      join(options.programs, 'bin', 'initdb'),
      [
        `--pgdata=${dataDir}`,
        '--username=postgres',
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale=C',
        ...(Number.parseInt(options.version, 10) < BUILTIN_LOCALE_SINCE ? [] : BUILTIN_LOCALE),
        '--no-sync',
      ],
      {
        env: serverEnvironment(options),
        timeoutMs: 120_000,
        ...(user ? { uid: user.uid, gid: user.gid, cwd: '/' } : {}),
      },
    );
    if (!result.ok)
      throw new CodedError(
        'ToolMissing',
        `PostgreSQL's initdb failed in ${dataDir}: ${result.how}${libraryHint(result.stderr)}`,
      );
  } finally {
    await rm(secret, { recursive: true, force: true });
  }
  await writeFile(done, '');
}

function libraryHint(stderr: string): string {
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(stderr)?.[1];
  return library === undefined ? '' : ` (install the system package that holds ${library})`;
}

/** The data of another major version cannot be read; the server's own message would only be in its log. */
async function refuseOtherMajor(dataDir: string, version: string): Promise<void> {
  const major = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (major === '' || major === version.split('.')[0]) return;
  throw new CodedError(
    'PreflightRefused',
    `the data in ${dataDir} were made by PostgreSQL ${major}, and this is ${version}; dump them with the older release, or remove that folder`,
  );
}

/** After a crash the lock file names a pid that may belong to any other program by now; then it is no lock. */
async function removeStaleLock(dataDir: string): Promise<void> {
  const lock = join(dataDir, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
  if (!Number.isInteger(pid)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (command === undefined ? (await identify(pid)) === undefined : !command.includes(dataDir))
    await rm(lock, { force: true });
}

async function startOnce(options: Start): Promise<Cluster> {
  const port = options.port ?? (await freePort());
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...options.settings };
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(
    join(options.programs, 'bin', 'postgres'),
    [
      '-D',
      options.dataDir,
      `-p${port}`,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      env: serverEnvironment(options),
      detached: true, // a Ctrl-C for the caller is not one for the server
      cwd: '/',
      stdio: ['ignore', log, log],
      ...(options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
    },
  );
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `it ended with ${String(code ?? signal)}`));
  child.unref();
  const url = `postgresql://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`;
  await waitForConnections({ url, logFile: options.logFile, ended: () => ended }).catch((error: unknown) => {
    if (child.pid !== undefined) child.kill('SIGQUIT');
    throw error;
  });
  const identity = child.pid === undefined ? undefined : await identify(child.pid);
  if (identity === undefined) throw new CodedError('DatabaseUnreachable', `PostgreSQL ended; read ${options.logFile}`);
  return { host: '127.0.0.1', port, url, identity, stop: () => stopCluster(identity) };
}

/** SIGINT is PostgreSQL's fast shutdown; SIGKILL after 15 s is safe for the data, only the next start is slower. */
export function stopCluster(identity: ProcessIdentity): Promise<void> {
  return endProcesses([identity], { signal: 'SIGINT', graceMs: 15_000 });
}

async function waitForConnections(options: {
  url: string;
  logFile: string;
  ended: () => string | undefined;
}): Promise<void> {
  const deadline = Date.now() + 60_000; // recovery after a crash may take a while
  for (;;) {
    const client = new Client({ connectionString: options.url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      if (options.ended() === undefined) return; // else somebody else answers on that port
    } catch (error) {
      if (errorCode(error) === '28P01') {
        throw new CodedError(
          'AuthFailed',
          'PostgreSQL refuses the stored password: data and password file do not belong together',
          {
            cause: error,
          },
        );
      }
      if (Date.now() > deadline)
        throw new CodedError(
          'DatabaseUnreachable',
          `PostgreSQL does not answer: ${messageOf(error)}; read ${options.logFile}`,
        );
    } finally {
      await client.end().catch(() => undefined);
    }
    const ended = options.ended();
    if (ended !== undefined)
      throw new CodedError('DatabaseUnreachable', `PostgreSQL did not start: ${ended}; read ${options.logFile}`);
    await sleep(30);
  }
}

/** PG* variables of the caller would silently change the server; messages stay in English for the log. */
function serverEnvironment(options: Pick<ClusterOptions, 'env'>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C', TZ: 'UTC', ...options.env };
}

/** Makes a folder that `user` owns, with only its own access. */
export async function ownFolder(path: string, user: ServerUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o700);
  if (user) await chown(path, user.uid, user.gid);
}

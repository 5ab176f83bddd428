import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openReplicationSession, Secret, type DatabaseConnection } from '../src/index.js';
import { freePort } from './global-setup.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';

const db = useTestDatabase();

const open = (changed: Partial<DatabaseConnection> = {}): ReturnType<typeof openReplicationSession> =>
  openReplicationSession({ ...db.connection, ...changed }, { applicationName: 'replicates' });

describe('a session for replication', () => {
  test('takes replication commands and plain statements, and has no time limits', async () => {
    const session = await open();
    try {
      const { rows } = await session.query<{ dbname: string }>('IDENTIFY_SYSTEM');
      expect(rows[0]?.dbname).toBe(db.name);
      const limits = await session.query(
        `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`,
      );
      expect(limits.rows).toEqual([{ statement: '0', lock: '0' }]);
      expect(inspect(session, { depth: 12, showHidden: true })).not.toContain(db.server.password);
    } finally {
      await session.end();
    }
    await eventually(
      () => db.sessions('replicates'),
      (count) => count === 0,
    );
  });

  test('asks for the password anew when the server refuses it', async () => {
    let reads = 0;
    const session = await open({
      password: new Secret('rotated away'),
      renewPassword: () => {
        reads++;
        return Promise.resolve(new Secret(db.server.password));
      },
    });
    await session.end();
    expect(reads).toBe(1);
  });

  test('checks the certificate as every other connection', async () => {
    const ca = await readFile(path.join(import.meta.dirname, 'fixtures', 'tls', 'ca.pem'), 'utf8');
    const session = await open({ host: 'localhost', ssl: { mode: 'verify-full', ca } });
    await session.end();
    const error = await rejection(open({ host: '127.0.0.1', ssl: { mode: 'verify-full', ca } }));
    expect(error.code).toBe('AuthFailed');
  });

  test('is refused behind a pooler, and reports a server that is not there', async () => {
    expect(await rejection(open({ pooler: 'pgbouncer' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('direct connection'),
    });
    expect(await rejection(open({ port: await freePort() }))).toMatchObject({
      code: 'DatabaseUnreachable',
      message: expect.stringContaining(db.name),
    });
  });
});

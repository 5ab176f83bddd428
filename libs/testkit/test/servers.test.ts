import { createConnection } from 'node:net';
import { describe, expect, it } from 'vitest';
import pg from 'pg';
import { createTestDatabase, postgres, startPostgres, temporal } from '../src/index.js';

async function query<T>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(sql);
    return result.rows as T[];
  } finally {
    await client.end();
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('the servers of the global set-up', () => {
  it('gives the address of a Temporal server that listens', async () => {
    expect(temporal().namespace).toBe('default');
    expect(await connects(Number(temporal().address.split(':')[1]))).toBe(true);
  });

  it('gives a PostgreSQL server with logical decoding', async () => {
    const rows = await query<{ wal_level: string }>(postgres().url, 'show wal_level');
    expect(rows).toEqual([{ wal_level: 'logical' }]);
  });
});

describe('createTestDatabase', () => {
  it('makes an empty database and drops it although clients and a replication slot hold it', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [`slot_${database.name}`]);
    await database.drop();
    await client.end().catch(() => undefined);
    const names = await query<{ datname: string }>(postgres().url, 'select datname from pg_database');
    expect(names.map(({ datname }) => datname)).not.toContain(database.name);
  });

  it('copies a template that is prepared once, also for several at once', async () => {
    let prepared = 0;
    const template = {
      name: 'numbers',
      prepare: async ({ url }: { readonly url: string }) => {
        prepared++;
        await query(url, 'create table numbers as select 1 as n');
      },
    };
    const databases = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase({ template })));
    try {
      expect(prepared).toBe(1);
      for (const { url } of databases) expect(await query(url, 'select n from numbers')).toEqual([{ n: 1 }]);
    } finally {
      for (const database of databases) await database.drop();
    }
  });

  it('does not keep a template whose preparation failed', async () => {
    const failing = { name: 'broken', prepare: () => Promise.reject(new Error('no')) };
    await expect(createTestDatabase({ template: failing })).rejects.toThrow('no');
    await using database = await createTestDatabase({ template: { name: 'broken', prepare: () => Promise.resolve() } });
    expect(database.name).toMatch(/^test_/);
  });
});

describe('startPostgres', () => {
  it('starts a server of its own that is gone after stop', async () => {
    const server = await startPostgres({ settings: { max_connections: '7' } });
    expect(await query(server.url, 'show max_connections')).toEqual([{ max_connections: '7' }]);
    await server.stop();
    expect(await connects(server.port)).toBe(false);
  });

  it('starts the oldest major that Switchyard works with beside the newest', async () => {
    await using oldest = await startPostgres({ major: 15 });
    expect(await query<{ major: string }>(oldest.url, `select split_part(version(), ' ', 2)::text as major`)).toEqual([
      { major: expect.stringMatching(/^15\./) },
    ]);
  });
});

import { beforeAll, expect, test } from 'vitest';
import { changeSchema, type LockHolder } from '../src/index.js';
import { sql, useDatabase } from './support.js';

const { open } = useDatabase();
const tables = [{ schema: 'public', name: 'busy' }];
const signal = new AbortController().signal;

beforeAll(() => open(({ run }) => run(sql('create table busy (id int primary key)'))));

/** Runs `during` while a reader holds the table. */
async function behindReader(during: (endReading: () => Promise<void>) => Promise<void>): Promise<void> {
  await open(async ({ run }) => {
    await run(sql(`set application_name = 'report'`));
    await run(sql('begin'));
    await run(sql('select * from busy'));
    await during(async () => void (await run(sql('commit'))));
  });
}

test('a change behind a long reader gives way, names it, and comes through when it is gone', async () => {
  await behindReader((endReading) =>
    open(async (session) => {
      const gaveWay: (readonly LockHolder[])[] = [];
      const done = await changeSchema(session, {
        statements: [sql('alter table busy add column a int'), sql('alter table busy add column b int')],
        tables,
        lockTimeoutMs: 50,
        signal,
        onGaveWay: async (attempt, holders) => {
          gaveWay.push(holders);
          // Between two attempts others get through.
          await open(({ run }) => run(sql(`set statement_timeout = '1s'`)).then(() => run(sql('select * from busy'))));
          if (attempt === 2) await endReading();
        },
      });
      expect(done.attempts).toBe(3);
      expect(gaveWay[0]?.[0]).toMatchObject({ application: 'report' });
    }),
  );
  await open(async ({ run }) => {
    const columns = await run(sql(`select attname from pg_attribute where attrelid = 'busy'::regclass and attnum > 0`));
    expect(columns.count).toBe(3);
  });
});

test('a change that never gets its lock fails with who holds it, and changed nothing', async () => {
  await behindReader(async (endReading) => {
    const change = open((session) =>
      changeSchema(session, {
        statements: [sql('alter table busy add column never int')],
        tables,
        lockTimeoutMs: 20,
        withinMs: 100,
        signal,
      }),
    );
    await expect(change).rejects.toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringMatching(/pid \d+ \(report, /),
    });
    await endReading();
  });
});

test('an error that is no lock is not repeated', async () => {
  const change = open((session) =>
    changeSchema(session, { statements: [sql('alter table busy add column id int')], tables, signal }),
  );
  await expect(change).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('an abort ends the waiting', async () => {
  await behindReader(async (endReading) => {
    const controller = new AbortController();
    const change = open((session) =>
      changeSchema(session, {
        statements: [sql('alter table busy add column never int')],
        tables,
        lockTimeoutMs: 20,
        signal: controller.signal,
        onGaveWay: () => controller.abort(),
      }),
    );
    await expect(change).rejects.toMatchObject({ name: 'AbortError' });
    await endReading();
  });
});

import { expect, test } from 'vitest';
import { markWrites, originOf, withChangeSession } from '../src/index.js';
import { SHAPE, sql, useDatabase } from './support.js';

const { connection, open } = useDatabase();

test('a session has the settings of the change, and none of them stays behind', async () => {
  const settings = `select current_setting('search_path') as path, current_setting('timezone') as zone,
    current_setting('bytea_output') as bytea`;
  await open(async ({ run }) => {
    expect((await run(sql(settings))).rows).toEqual([{ path: '"public"', zone: 'UTC', bytea: 'hex' }]);
  });
});

test('a statement that comes again is planned once, and gives what it gave', async () => {
  await open(async ({ again, run }) => {
    const statement = { text: 'select $1::int + 1 as n', values: ['41'] };
    expect((await again(statement)).rows).toEqual([{ n: 42 }]);
    expect((await again({ ...statement, values: ['1'] })).rows).toEqual([{ n: 2 }]);
    expect((await run(sql('select count(*)::int as n from pg_prepared_statements'))).rows).toEqual([{ n: 1 }]);
  });
});

test('a transaction that throws leaves nothing, and the session goes on', async () => {
  await open(async ({ run, transaction }) => {
    await run(sql('create table kept (n int)'));
    const torn = transaction('repeatable read', async () => {
      await run(sql('insert into kept values (1)'));
      await run(sql('select 1/0'));
    });
    await expect(torn).rejects.toMatchObject({ code: '22012' });
    expect((await run(sql('select * from kept'))).count).toBe(0);
  });
});

test('an error leaves the session as a coded one, without values of rows', async () => {
  const failing = open(async ({ run }) => run(sql(`select 'hunter22'::int`)));
  await expect(failing).rejects.toMatchObject({ code: 'InvalidInput' });
  await expect(failing).rejects.not.toThrow(/hunter22/);
});

test('an abort ends a statement that runs', async () => {
  const controller = new AbortController();
  const sleeping = withChangeSession(
    { connection: connection(), name: 'test', shape: SHAPE, signal: controller.signal },
    ({ run }) => run(sql('select pg_sleep(60)')),
  );
  setTimeout(() => controller.abort(new Error('enough')), 100);
  await expect(sleeping).rejects.toThrow('enough');
});

test('writes are marked by one session at a time; another one goes on without', async () => {
  const origin = originOf('sy_test_', 'backfill:part"1');
  expect(origin).toBe('sy_test_backfill_part_1');
  await open(async (first) => {
    expect(await markWrites(first, origin)).toBe(true);
    await open(async (second) => {
      expect(await markWrites(second, origin)).toBe(false);
      expect((await second.run(sql('select 1 as n'))).rows).toEqual([{ n: 1 }]);
    });
  });
  await open(async (third) => {
    expect(await markWrites(third, origin)).toBe(true);
    await third.run(sql('select pg_replication_origin_session_reset()'));
    await third.run({ text: 'select pg_replication_origin_drop($1)', values: [origin] });
  });
});

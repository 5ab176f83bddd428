import { randomUUID } from 'node:crypto';
import { createTestDatabase, waitFor, type TestDatabase } from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { READ_FLAG, WRITE_FLAG, type Flags, type WriteMode } from '../src/flags/flags.js';
import { createLease, LeaseLostError } from '../src/flags/lease.js';
import { createShadowReads } from '../src/flags/shadow-reads.js';
import { shownName } from '../src/load/names.js';
import { openUsers } from '../src/users/users.js';
import { USERS_TABLE } from './world.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await pool.query(`drop table if exists public.users; ${USERS_TABLE}`);
});

const MODES: readonly WriteMode[] = ['old', 'both', 'new'];
const by = (writes: WriteMode, readsNew: boolean, prefersNew = writes === 'new'): Flags => ({
  readsNew,
  writes,
  prefersNew,
  versions: { [READ_FLAG]: 3, [WRITE_FLAG]: 4 },
});
const held = () => {
  const lease = createLease();
  lease.renew({ monotonicMs: performance.now(), databaseMs: Date.now() }, 60_000);
  return lease;
};
const open = (lease = held()) => {
  const shadowReads = createShadowReads();
  return { users: openUsers(pool, { lease, shadowReads }, { compareLaterMs: [20, 40] }), shadowReads };
};
const expand = () => pool.query('alter table public.users add column first_name text, add column last_name text');
const relax = () => pool.query('alter table public.users alter column name drop not null');
const rowOf = async (id: string): Promise<unknown> =>
  (await pool.query('select name, first_name, last_name from public.users where id = $1', [id])).rows[0];
const newUser = (name = 'Ada Lovelace') => {
  const id = randomUUID();
  return { id, name, email: `${id}@example.test` };
};

describe('users', () => {
  it('are written in the columns of each mode, and in those alone', async () => {
    await expand();
    await relax();
    const { users } = open();
    const written = {
      old: ['Ada Lovelace', null, null],
      both: ['Ada Lovelace', 'Ada', 'Lovelace'],
      new: [null, 'Ada', 'Lovelace'],
    };
    for (const mode of MODES) {
      const user = newUser();
      await users.create(by(mode, true), user);
      const [name, first, last] = written[mode];
      expect(await rowOf(user.id)).toEqual({ name, first_name: first, last_name: last });
      await users.rename(by(mode, true), user.id, ' Grace Brewster  Hopper ');
      expect(await rowOf(user.id)).toEqual({
        name: mode === 'new' ? null : ' Grace Brewster  Hopper ',
        first_name: mode === 'old' ? null : 'Grace',
        last_name: mode === 'old' ? null : 'Brewster  Hopper',
      });
    }
  });

  it('look the same in every mode, whatever the name', async () => {
    await expand();
    await relax();
    const { users, shadowReads } = open();
    const names = [
      'Plato',
      ' Teller',
      'Ada  King  Lovelace',
      'Zoë Åström',
      '山田 太郎',
      "Conan O'Brien ",
      'María José de la Cruz',
    ];
    for (const name of names) {
      for (const mode of MODES) {
        const user = newUser(name);
        await users.create(by(mode, true), user);
        if (mode !== 'both') {
          expect(await users.read(by(mode, false), user.id)).toMatchObject({ name: shownName(name) });
          continue;
        }
        for (const flags of [by('old', false), by('both', true), by('both', true, true), by('new', true)]) {
          expect(await users.read(flags, user.id)).toMatchObject({
            id: user.id,
            name: shownName(name),
            email: user.email,
          });
        }
      }
    }
    expect(shadowReads.counts()).toEqual({ [READ_FLAG]: { version: 3, compared: 2 * names.length, mismatched: 0 } });
  });

  it('work before the new columns are there and after the old one is gone', async () => {
    const { users } = open();
    const user = newUser();
    await users.create(by('old', false), user);
    expect(await users.read(by('old', false), user.id)).toMatchObject({ firstName: 'Ada' });
    await expand();
    await users.rename(by('both', true), user.id, 'Grace Hopper');
    await relax();
    await pool.query('alter table public.users drop column name');
    for (const readsNew of [true, false]) {
      const flags = by('new', readsNew);
      const other = newUser('Plato');
      await users.create(flags, other);
      expect(await users.rename(flags, other.id, 'Alan Turing')).toBe(true);
      expect(await users.changeEmail(other.id, 'alan@example.test')).toBe(true);
      expect(await users.read(flags, other.id)).toMatchObject({ name: 'Alan Turing', email: 'alan@example.test' });
      expect(await users.read(flags, user.id)).toMatchObject({ name: 'Grace Hopper' });
      expect(await users.remove(other.id)).toBe(true);
      expect(await users.read(flags, other.id)).toBeUndefined();
      expect(await users.remove(other.id)).toBe(false);
    }
  });

  it('whose sides do not agree are given by the side that every writer fills, and counted when they stay apart', async () => {
    await expand();
    const { users, shadowReads } = open();
    const counted = (compared: number, mismatched: number) =>
      waitFor(
        () => {
          const counts = shadowReads.counts()[READ_FLAG];
          return counts?.compared === compared && counts.mismatched === mismatched;
        },
        { what: `${mismatched} mismatches in ${compared} comparisons` },
      );
    const user = newUser('New Name');
    await users.create(by('old', false), user);
    await pool.query(`update public.users set first_name = 'Former', last_name = 'Name'`);
    expect(await users.read(by('old', true), user.id)).toMatchObject({ name: 'New Name' });
    await counted(1, 1);
    // Some writer may leave the new columns to the stream still...
    expect(await users.read(by('both', true), user.id)).toMatchObject({ name: 'New Name' });
    await counted(2, 2);
    // ...or the old one already.
    expect(await users.read(by('both', true, true), user.id)).toMatchObject({ name: 'Former Name' });
    await counted(3, 3);
    // Mended after it was answered.
    expect(await users.read(by('old', true), user.id)).toMatchObject({ name: 'New Name' });
    await pool.query(`update public.users set first_name = 'New'`);
    await counted(4, 3);
    // A first name that the rule would not have found agrees as well: the old column is what it gives.
    await pool.query(
      `update public.users set name = 'Mary Jane Watson', first_name = 'Mary Jane', last_name = 'Watson'`,
    );
    expect(await users.read(by('both', true), user.id)).toMatchObject({
      firstName: 'Mary Jane',
      name: 'Mary Jane Watson',
    });
    await counted(5, 3);
    // A row that is gone is no mismatch.
    await pool.query(`update public.users set first_name = 'Former'`);
    await users.read(by('old', true), user.id);
    await users.remove(user.id);
    const other = newUser();
    await users.create(by('both', true), other);
    await users.read(by('both', true), other.id);
    await counted(6, 3);
  });

  it('are not written when the database meets the write after the end of the lease', async () => {
    await expand();
    const user = newUser();
    await open().users.create(by('old', false), user);
    const lease = createLease();
    // By its own clock the process holds it: it was suspended together with that clock.
    lease.renew({ monotonicMs: performance.now(), databaseMs: Date.now() - 120_000 }, 60_000);
    const { users } = open(lease);
    for (const mode of MODES) {
      await expect(users.create(by(mode, true), newUser())).rejects.toThrow(LeaseLostError);
      await expect(users.rename(by(mode, true), user.id, 'Late')).rejects.toThrow(LeaseLostError);
    }
    await expect(users.changeEmail(user.id, 'late@example.test')).rejects.toThrow(LeaseLostError);
    await expect(users.remove(user.id)).rejects.toThrow(LeaseLostError);
    expect((await pool.query('select name, email from public.users')).rows).toEqual([
      { name: user.name, email: user.email },
    ]);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { z } from 'zod';
import { READ_FLAG, type Flags } from '../flags/flags.js';
import { LeaseLostError } from '../flags/lease.js';
import type { Participant } from '../flags/participant.js';
import { CHANGE_EMAIL, DELETE, INSERT, READ, RENAME } from './statements.js';

/** A user as callers see it: the same in every mode. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string | null;
  readonly email: string;
  readonly updatedAt: string;
}

/** Users in the table public.users, in whatever shape the flags of a request name. */
export interface Users {
  read(flags: Flags, id: string): Promise<User | undefined>;
  create(flags: Flags, user: { readonly id: string; readonly name: string; readonly email: string }): Promise<void>;
  /** @returns false when there is no such user; so do the others */
  rename(flags: Flags, id: string, name: string): Promise<boolean>;
  changeEmail(id: string, email: string): Promise<boolean>;
  remove(id: string): Promise<boolean>;
}

/** Pauses before looks after the request has been answered: 20 s in all, longer than the change should lag behind. */
const COMPARE_LATER_MS = [20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240];
/** Rows that are looked at later, at once; a difference beyond these is not counted. */
const MAX_COMPARED_LATER = 100;

/** Opens the users in a database. `compareLaterMs`: see {@link COMPARE_LATER_MS}. */
export function openUsers(
  pool: Pool,
  { lease, shadowReads }: Pick<Participant, 'lease' | 'shadowReads'>,
  { compareLaterMs = COMPARE_LATER_MS }: { readonly compareLaterMs?: readonly number[] } = {},
): Users {
  let comparedLater = 0;

  const find = async <S extends z.ZodType>(
    schema: S,
    statement: string,
    id: string,
  ): Promise<z.output<S> | undefined> => {
    const { rows } = await pool.query<Record<string, unknown>>(statement, [id]);
    return rows[0] === undefined ? undefined : schema.parse(rows[0]);
  };

  const record = ({ versions }: Flags, agree: boolean): void =>
    shadowReads.record(READ_FLAG, versions[READ_FLAG] ?? 0, agree);

  /** A row that the change has not caught up with is no mismatch; only what stays apart is one. */
  const compareLater = async (flags: Flags, id: string): Promise<void> => {
    for (const pause of compareLaterMs) {
      await sleep(pause, undefined, { ref: false });
      const row = await find(bothRow, READ.both, id);
      if (!row) return;
      if (row.agree) return record(flags, true);
    }
    record(flags, false);
  };

  /** Reads both sides and compares them. */
  const readBoth = async (flags: Flags, id: string): Promise<User | undefined> => {
    const row = await find(bothRow, READ.both, id);
    if (!row) return undefined;
    if (row.agree) record(flags, true);
    else if (comparedLater < MAX_COMPARED_LATER) {
      comparedLater++;
      // A look that fails counts for nothing.
      void compareLater(flags, id)
        .catch(() => undefined)
        .finally(() => comparedLater--);
    }
    return row.agree || flags.prefersNew ? fromNew(row) : fromOld(row);
  };

  const change = async (statement: string, ...values: readonly string[]): Promise<boolean> => {
    const { rows } = await pool.query<Record<string, unknown>>(statement, [lease.databaseEnd(), ...values]);
    const { isHeld, isChanged } = changeRow.parse(rows[0]);
    if (!isHeld) throw new LeaseLostError('the lease ended before the write reached the database');
    return isChanged;
  };

  return {
    async read(flags, id) {
      if (flags.writes === 'new') {
        const row = await find(newRow, READ.new, id);
        return row && fromNew(row);
      }
      if (flags.readsNew) return readBoth(flags, id);
      const row = await find(oldRow, READ.old, id);
      return row && fromOld(row);
    },
    async create({ writes }, { id, name, email }) {
      await change(INSERT[writes], id, email, name);
    },
    rename: ({ writes }, id, name) => change(RENAME[writes], id, name),
    changeEmail: (id, email) => change(CHANGE_EMAIL, id, email),
    remove: (id) => change(DELETE, id),
  };
}

const common = { id: z.string(), email: z.string(), updatedAt: z.date() };
const part = z.string().nullable();
// Either side may still be empty where a writer filled the other one a moment ago.
const oldRow = z.object({ ...common, oldFirst: part, oldLast: part });
const newRow = z.object({ ...common, newFirst: part, newLast: part });
const bothRow = z.object({ ...oldRow.shape, ...newRow.shape, agree: z.boolean() });
const changeRow = z.object({ isHeld: z.boolean(), isChanged: z.boolean() });

type Common = Pick<z.output<typeof bothRow>, keyof typeof common>;

const fromOld = (row: z.output<typeof oldRow>): User => userOf(row, row.oldFirst, row.oldLast);
const fromNew = (row: z.output<typeof newRow>): User => userOf(row, row.newFirst, row.newLast);

const userOf = ({ id, email, updatedAt }: Common, firstName: string | null, lastName: string | null): User => ({
  id,
  name: [firstName ?? '', ...(lastName === null ? [] : [lastName])].join(' '),
  firstName: firstName ?? '',
  lastName,
  email,
  updatedAt: updatedAt.toISOString(),
});

import { NEW_COLUMN } from '../change-run.ts';
import { codeOf, TABLE } from '../table.ts';
import type { ByHand } from './by-hand.ts';

/** The whole table in one statement: each row stays locked until the last one is written. */
export const oneUpdate: ByHand = {
  contender: 'one UPDATE',
  backfill: async (client) =>
    (await client.query(`update ${TABLE} set ${NEW_COLUMN} = ${codeOf('plan')}`)).rowCount ?? 0,
};

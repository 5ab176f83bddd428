import { NEW_COLUMN } from '../change-run.ts';
import { PLANS, TABLE } from '../table.ts';
import type { ByHand } from './by-hand.ts';

/** Its rate does not change with the size of the table, so that it need not go over all of it. */
const MOST_ROWS = 50_000;
const PAGE = 1_000;

/** Reads a page of rows, computes each value outside the database, and writes it back in a statement of its own. */
export const rowByRow: ByHand = {
  contender: 'row by row',
  backfill: async (client, rows) => {
    let done = 0;
    for (let after = '0'; done < Math.min(rows, MOST_ROWS);) {
      // oxlint-disable-next-line no-await-in-loop -- that is what it is
      const page = await client.query<{ id: string; plan: (typeof PLANS)[number] }>(
        `select id, plan from ${TABLE} where id > $1 order by id limit ${PAGE}`,
        [after],
      );
      for (const { id, plan } of page.rows) {
        // oxlint-disable-next-line no-await-in-loop
        await client.query(`update ${TABLE} set ${NEW_COLUMN} = $1 where id = $2`, [PLANS.indexOf(plan) + 1, id]);
      }
      done += page.rows.length;
      const last = page.rows.at(-1);
      if (!last) break;
      after = last.id;
    }
    return done;
  },
};

import type pg from 'pg';
import { appUrl } from '../../stack.ts';
import { NEW_COLUMN } from '../change-run.ts';
import { TABLE } from '../table.ts';
import { withClient } from '../with-client.ts';
import { contest, type Contest, type Ground } from './contender.ts';
import { SPEECH } from './ours.ts';

/** A backfill as people write it by hand. */
export interface ByHand {
  readonly contender: string;
  /** Derives the new column, which is there; gives the number of rows that it went over. */
  readonly backfill: (client: pg.Client, rows: number) => Promise<number>;
}

/** The new column, then the backfill, and nothing that would keep the column true or take the old one away. */
export function byHand(ground: Ground, { contender, backfill }: ByHand): Promise<Contest> {
  const url = appUrl(ground.stack);
  return contest(ground, { url, speech: SPEECH.old }, async ({ begun }) => {
    const rows = await withClient(url, async (client) => {
      await client.query(`alter table public.${TABLE} add column ${NEW_COLUMN} smallint`);
      return backfill(client, ground.layout.rows);
    });
    const end = Date.now();
    const seconds = (end - begun) / 1_000;
    return {
      contender,
      rows,
      backfillSeconds: seconds,
      totalSeconds: seconds,
      start: { from: begun, to: end },
      finish: null,
      newColumn: null,
      notes: () => ({}),
    };
  });
}

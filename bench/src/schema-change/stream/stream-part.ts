import { appUrl, type BenchStack } from '../../stack.ts';
import { NEW_COLUMN } from '../change-run.ts';
import { makeTable, wrongRows, TABLE, type Layout } from '../table.ts';
import { withClient } from '../with-client.ts';
import { sendDuplicates, workOffBacklog, type WorkedOff } from './backlog.ts';
import { withStream } from './bench-stream.ts';
import { besideWriter, timeBarriers, type Barriers, type Beside } from './beside-writer.ts';
import { stall, type Stalled } from './stalled.ts';

/** What a stream of changed keys does. */
export interface StreamFigures {
  readonly idleBarriers: Barriers;
  readonly oneRowTransactions: WorkedOff;
  readonly oneTransaction: WorkedOff;
  readonly duplicates: WorkedOff;
  readonly besideWriter: Beside;
  readonly stalled: Stalled;
  /** At the very end, over all rows. */
  readonly wrongRows: number;
}

/** How much is measured. */
export interface StreamOptions {
  readonly rows: number;
  readonly barriers: number;
  readonly besideSeconds: number;
  readonly backlogMb: number;
  readonly stallMs: number;
}

/** Measures a stream on a table with its key alone, so that the writes of the server do not hide what the stream takes. */
export async function measureStream(stack: BenchStack, options: StreamOptions): Promise<StreamFigures> {
  const url = appUrl(stack);
  const layout: Layout = { rows: options.rows, fillfactor: 50, isIndexed: false };
  await makeTable({ adminUrl: stack.servers.postgres.adminUrl, url, layout });
  await withClient(url, async (client) => {
    await client.query(`alter table ${TABLE} add column ${NEW_COLUMN} smallint`);
  });
  return withStream(stack, url, async (stream) => {
    const idleBarriers = await timeBarriers(stream, { until: (n) => n >= options.barriers, pauseMs: 10 });
    const { rows } = options;
    // Before the worker has had much to do: what it then keeps for itself has nothing to do with standing still.
    const stalled = await stall(stack, stream, { url, backlogMb: options.backlogMb, stallMs: options.stallMs });
    const oneRowTransactions = await workOffBacklog(stream, url, { rows, isOneTransaction: false });
    const oneTransaction = await workOffBacklog(stream, url, { rows, isOneTransaction: true });
    const duplicates = await sendDuplicates(stream, url);
    const beside = await besideWriter(stream, { url, rows, seconds: options.besideSeconds });
    // What the writers wrote last is on its way.
    await stream.barrier();
    return {
      idleBarriers,
      oneRowTransactions,
      oneTransaction,
      duplicates,
      besideWriter: beside,
      stalled,
      wrongRows: await wrongRows(url, NEW_COLUMN),
    };
  });
}

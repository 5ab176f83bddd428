import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { readEvents } from '@switchyard/store';
import { poll } from '../poll.ts';
import { appUrl, type BenchStack } from '../stack.ts';
import { approve, gateOpens, NEW_COLUMN, resultOf, startChange } from './change-run.ts';
import { follow, SPEECH } from './contenders/ours.ts';
import { openPgroll, PGROLL_SPEECH } from './pgroll-run.ts';
import { makeTable, TABLE, wrongRows, type Layout } from './table.ts';
import { withClient } from './with-client.ts';
import { startWriter } from './writer.ts';

/** What became of a change whose program was killed in its backfill. */
export interface AfterKill {
  /** Rows that were filled when it was killed. */
  readonly rowsAtKill: number;
  /** Rows whose new column is not what the last writer meant, at the end. */
  readonly wrongRows: number;
  readonly notes: Readonly<Record<string, unknown>>;
}

const KILL_AT = 0.3;
const LOOK_EVERY_MS = 10;
const BACKFILL_WITHIN_MS = 10 * 60_000;

/** SIGKILL for the migration-worker when a third of the rows is filled. The stack starts it again, as a service manager would. */
export async function killOurs(stack: BenchStack, layout: Layout): Promise<AfterKill> {
  const url = appUrl(stack);
  await makeTable({ adminUrl: stack.servers.postgres.adminUrl, url, layout });
  await using writer = await startWriter({ url, rows: layout.rows, speech: SPEECH.old });
  const pid = await stack.workerPid('migration-worker');
  if (pid === null) throw new Error('the migration-worker does not run');
  const run = await startChange(stack);
  const following = follow(stack, run, writer);
  const rowsAtKill = await withClient(url, (client) =>
    poll(
      async () => {
        const { rows } = await client
          .query<{ rows: string }>(
            `select rows_written as rows from switchyard_change.control where writer = 'backfill'`,
          )
          .catch(() => ({ rows: [] }));
        const filled = Number(rows[0]?.rows ?? 0);
        return filled > KILL_AT * layout.rows ? filled : undefined;
      },
      { what: 'a third of the backfill', everyMs: LOOK_EVERY_MS, timeoutMs: BACKFILL_WITHIN_MS },
    ),
  );
  process.kill(pid, 'SIGKILL');
  const killedAt = Date.now();
  await approve(run, 'cutover', await gateOpens(run, 'cutover'));
  await approve(run, 'contract', await gateOpens(run, 'contract'));
  const result = await resultOf(run);
  await following.stop();
  const writes = await writer.stop();
  const events = await readEvents(stack.database.knex, { runId: result.runId, limit: 10_000 });
  const resumed = events.find(({ type }) => type === 'backfill_resumed');
  return {
    rowsAtKill,
    wrongRows: await wrongRows(url, NEW_COLUMN),
    notes: {
      wentOn: resumed?.message ?? null,
      secondsUntilItWentOn: resumed ? (Date.parse(resumed.at) - killedAt) / 1_000 : null,
      backfill: result.backfill,
      failedWrites: writes.failures.length,
    },
  };
}

/** SIGKILL for pgroll when a third of the rows is filled, then `pgroll complete`, since there is nothing that goes on. */
export async function killPgroll(stack: BenchStack, layout: Layout, program: string): Promise<AfterKill> {
  await using ground = await openPgroll(stack, program);
  const { url } = ground;
  await makeTable({ adminUrl: stack.servers.postgres.adminUrl, url, layout });
  await ground.prepare();
  await using writer = await startWriter({ url, rows: layout.rows, speech: PGROLL_SPEECH.old });
  const started = ground.start();
  const rowsAtKill = await withClient(url, (client) =>
    poll(
      async () => {
        const { rows } = await client
          .query<{ rows: string }>(`select count(_pgroll_new_plan) as rows from public.${TABLE}`)
          .catch(() => ({ rows: [] }));
        const filled = Number(rows[0]?.rows ?? 0);
        return filled > KILL_AT * layout.rows ? filled : undefined;
      },
      { what: 'a third of the backfill of pgroll', everyMs: 50, timeoutMs: BACKFILL_WITHIN_MS },
    ),
  );
  started.child.kill('SIGKILL');
  await started.ended;
  const again = await ground.start().ended;
  await sleep(500);
  const completed = await ground.complete().ended;
  const writes = await writer.stop();
  const codes = await whereCodesAre(url);
  return {
    rowsAtKill,
    wrongRows: await wrongRows(url, codes.column),
    notes: {
      startAgain: { code: again.code, said: lastLine(again.said) },
      complete: { code: completed.code, said: lastLine(completed.said) },
      columns: codes.columns,
      failedWrites: writes.failures.length,
    },
  };
}

/** Complete may fail when it has done half of its work: then the catalog tells where the codes are. */
function whereCodesAre(url: string): Promise<{ readonly column: string; readonly columns: readonly string[] }> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string; type: string }>(
      `select attname as name, atttypid::regtype::text as type from pg_attribute
      where attrelid = 'public.${TABLE}'::regclass and attname ~ 'plan' and not attisdropped`,
    );
    const code = rows.find(({ type }) => type === 'smallint');
    return { column: code?.name ?? 'null', columns: rows.map(({ name, type }) => `${name} ${type}`) };
  });
}

/** Without the spinner that comes before it. */
const lastLine = (text: string): string =>
  stripVTControlCharacters(text)
    .trim()
    .split(/[\n\r]/)
    .at(-1)
    ?.trim() ?? '';

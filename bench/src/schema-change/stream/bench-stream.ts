import { randomUUID } from 'node:crypto';
import {
  ensureControl,
  passBarrier,
  withChangeSession,
  type ChangeSession,
  type PassedBarrier,
} from '@switchyard/change-database';
import {
  changeStreamInputSchema,
  SIGNALS,
  STATUS_QUERY,
  STREAM_SIGNALS,
  TASK_QUEUES,
  type RunStatus,
} from '@switchyard/contracts';
import { objectNames, type Shape } from '@switchyard/schema-change';
import { parseDatabaseUrl } from '@switchyard/shared-db';
import { poll } from '../../poll.ts';
import type { BenchStack } from '../../stack.ts';
import { NEW_COLUMN } from '../change-run.ts';
import { codeOf, TABLE } from '../table.ts';

const BARRIER_WITHIN_MS = 10 * 60_000;

/** A stream of the table on a real cdc-worker. */
export interface BenchStream {
  /** Resolves when everything that has committed before is applied. */
  readonly barrier: () => Promise<PassedBarrier>;
  /** Rows that the stream has written in all its time. */
  readonly rowsWritten: () => Promise<number>;
  /** Stops the stream, with its slot kept. Resolves when it stands. */
  readonly pause: () => Promise<void>;
  /** Lets it go on; it connects anew. */
  readonly resume: () => Promise<void>;
  readonly change: string;
}

/** Starts ChangeStreamWorkflow for the table, hands it to `use`, and ends it. */
export async function withStream<T>(
  stack: BenchStack,
  url: string,
  use: (stream: BenchStream) => Promise<T>,
): Promise<T> {
  const id = randomUUID();
  const table = { schema: 'public', name: TABLE };
  const shape: Shape = {
    id,
    source: table,
    target: table,
    sameRow: true,
    where: null,
    key: [{ source: 'id', target: 'id', type: 'bigint', collation: null }],
    columns: [{ name: NEW_COLUMN, type: 'smallint', expression: codeOf('plan') }],
    reverse: [],
  };
  const names = objectNames('bench-stream', id);
  const session = {
    connection: parseDatabaseUrl(url),
    name: 'switchyard-bench',
    signal: new AbortController().signal,
    shape,
  };
  return withChangeSession(session, async (own) => {
    await ensureControl(own);
    const handle = await stack.client.workflow.start('ChangeStreamWorkflow', {
      taskQueue: TASK_QUEUES.cdc,
      workflowId: `bench-stream-${id}`,
      args: [changeStreamInputSchema.parse({ database: 'app', shape, names })],
    });
    const isStreaming = (is: (status: RunStatus) => boolean, what: string): Promise<boolean> =>
      poll(async () => is(await handle.query<RunStatus>(STATUS_QUERY)) || undefined, {
        what,
        everyMs: 50,
        timeoutMs: 60_000,
      });
    const barrier = (): Promise<PassedBarrier> =>
      passBarrier(own, {
        change: id,
        messagePrefix: names.messagePrefix,
        withinMs: BARRIER_WITHIN_MS,
        signal: session.signal,
      });
    try {
      await isStreaming(
        ({ steps }) => steps.some((step) => step.id === 'stream' && step.state === 'running'),
        'the stream',
      );
      await barrier();
      return await use({
        change: id,
        barrier,
        rowsWritten: () => rowsWritten(own, id),
        pause: async () => {
          await handle.signal(SIGNALS.pause, { reason: 'a benchmark' });
          await poll(async () => ((await isRead(own, names.slot)) ? undefined : true), {
            what: 'the stream to stand still',
            everyMs: 50,
            timeoutMs: 60_000,
          });
        },
        resume: () => handle.signal(SIGNALS.resume, {}),
      });
    } finally {
      await handle.signal(STREAM_SIGNALS.stop, { release: true });
      await handle.result();
    }
  });
}

async function rowsWritten(session: ChangeSession, change: string): Promise<number> {
  const { rows } = await session.query(
    `select rows_written as written from switchyard_change.control where change = $1 and writer = 'stream'`,
    [change],
  );
  return Number((rows[0] as { written?: string } | undefined)?.written ?? 0);
}

async function isRead(session: ChangeSession, slot: string): Promise<boolean> {
  const { rows } = await session.query('select active from pg_replication_slots where slot_name = $1', [slot]);
  return (rows[0] as { active?: boolean } | undefined)?.active ?? false;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type NewIndex } from '@switchyard/contracts';
import type { ChangeSession } from '@switchyard/change-database';
import {
  attachIndex,
  createIndexConcurrently,
  createIndexOnParent,
  dropIndex,
  dropIndexConcurrently,
  indexState,
  showTable,
  type TableName,
} from '@switchyard/schema-change';
import { z } from 'zod';
import { alter, guarded, type ChangeWork } from '../call.js';
import type { ChangeCall, Guarded } from '../contract.js';

const stateRow = z.object({
  valid: z.boolean(),
  ready: z.boolean(),
  onTable: z.boolean(),
  isFrame: z.boolean(),
  unique: z.boolean(),
  method: z.string(),
  columns: z.array(z.string().nullable()),
  building: z.boolean(),
});

const LOOK_EVERY_MS = 1_000;

/** Builds every index of the change beside the writers. What an attempt left half-built is dropped and built again. */
export function buildIndexes(
  work: ChangeWork,
  call: Guarded & { readonly partitions: readonly TableName[] },
): Promise<void> {
  return guarded(work, call, 'index', async (session) => {
    const { change, shape } = call;
    for (const [i, index] of change.indexes.entries()) {
      work.progress((100 * i) / change.indexes.length, index.name);
      // oxlint-disable-next-line no-await-in-loop -- one index after the other: each reads the whole table
      await (call.partitions.length > 0 && shape.sameRow
        ? buildInPartitions(work, session, { index, table: shape.target, partitions: call.partitions })
        : build(work, session, shape.target, index));
    }
  });
}

async function build(work: ChangeWork, session: ChangeSession, table: TableName, index: NewIndex): Promise<void> {
  for (;;) {
    work.signal.throwIfAborted();
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const [state] = await session.rows(stateRow, indexState(table, index.name));
    if (state?.building === true) {
      // The session of an attempt that was lost still works on it; two would only be in each other's way.
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await sleep(LOOK_EVERY_MS, undefined, { signal: work.signal });
      continue;
    }
    if (state?.valid === true) return assertSame(index, state);
    if (state) {
      // oxlint-disable-next-line no-await-in-loop -- once, for what was left
      await session.run(dropIndexConcurrently(table, index.name));
      // oxlint-disable-next-line no-await-in-loop
      await work.record({
        type: 'index_dropped',
        level: 'warning',
        message: `${index.name} was left invalid, and is built again`,
      });
    }
    const startedAt = performance.now();
    // oxlint-disable-next-line no-await-in-loop
    await whileShown(work, index.name, session.run(createIndexConcurrently(table, index)));
    // oxlint-disable-next-line no-await-in-loop
    await work.record({
      type: 'index_built',
      message: `${index.name} on ${showTable(table)} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    });
  }
}

/** Shows how far the server is, from a session of its own. */
async function whileShown<T>(work: ChangeWork, name: string, building: Promise<T>): Promise<T> {
  const over = new AbortController();
  const showing = work
    .open('index-progress', async (observer) => {
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop
        await sleep(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([over.signal, work.signal]) });
        // oxlint-disable-next-line no-await-in-loop
        const [row] = await observer.rows(z.object({ phase: z.string(), done: z.number().nullable() }), {
          text: `select phase, (100.0 * blocks_done / nullif(blocks_total, 0))::float8 as done from pg_stat_progress_create_index limit 1`,
          values: [],
        });
        if (row) work.progress(row.done ?? 0, `${name}: ${row.phase}`);
      }
    })
    .catch(() => undefined);
  try {
    return await building;
  } finally {
    over.abort();
    await showing;
  }
}

function assertSame(index: NewIndex, state: z.output<typeof stateRow>): void {
  const isSame =
    state.onTable &&
    state.unique === index.unique &&
    state.method === index.method &&
    state.columns.join(',') === index.columns.join(',');
  if (isSame) return;
  throw new CodedError(
    'SchemaDrifted',
    `there is another index ${index.name} already; choose another name for ours, or drop that one`,
  );
}

interface Partitioned {
  readonly index: NewIndex;
  readonly table: TableName;
  readonly partitions: readonly TableName[];
}

/** CONCURRENTLY does not work on a partitioned table: its frame first, then each partition's own, then they are joined. */
async function buildInPartitions(
  work: ChangeWork,
  session: ChangeSession,
  { index, table, partitions }: Partitioned,
): Promise<void> {
  const [frame] = await session.rows(stateRow, indexState(table, index.name));
  if (!frame) {
    await alter(work, session, {
      what: `frame of ${index.name}`,
      statements: [createIndexOnParent(table, index)],
      tables: [table],
    });
  } else if (frame.valid) return assertSame(index, frame);
  for (const partition of partitions) {
    const own = { ...index, name: partitionIndex(index.name, partition) };
    // oxlint-disable-next-line no-await-in-loop -- one partition after the other
    await build(work, session, partition, own);
    // oxlint-disable-next-line no-await-in-loop
    await alter(work, session, {
      what: `attach ${own.name}`,
      statements: [attachIndex(table, index.name, { schema: partition.schema, name: own.name })],
      tables: [partition],
    });
  }
}

const partitionIndex = (name: string, partition: TableName): string =>
  `${partition.name.slice(0, 30)}_${name}`.slice(0, 63);

/** Drops the indexes of the change. Safe to repeat. */
export function dropIndexes(work: ChangeWork, { change, shape }: ChangeCall): Promise<void> {
  const table = shape.target;
  return work.open('drop-index', async (session) => {
    for (const { name } of change.indexes) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [state] = await session.rows(stateRow, indexState(table, name));
      if (!state) continue;
      // oxlint-disable-next-line no-await-in-loop
      await (state.isFrame
        ? alter(work, session, { what: `drop ${name}`, statements: [dropIndex(table, name)], tables: [table] })
        : session.run(dropIndexConcurrently(table, name)));
    }
  });
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type BackfillReport } from '@switchyard/contracts';
import { markWrites, originOf, takeClaim, writeFenced, type ChangeSession } from '@switchyard/change-database';
import {
  applySettings,
  backfillKeys,
  backfillPages,
  CHUNK_SIZING,
  explain,
  newPace,
  nextKey,
  planProblem,
  progressOf,
  restatedColumns,
  samplePace,
  showTable,
  sizeNextChunk,
  tableExtent,
  throttle,
  type ChunkOptions,
  type Claim,
  type GaugeName,
  type Key,
  type Pace,
  type Statement,
  type TableName,
} from '@switchyard/schema-change';
import { sqlStateOf } from '@switchyard/shared-db';
import { z } from 'zod';
import { assertUndrifted, guarded, type ChangeWork } from '../call.js';
import type { BackfillInput } from '../contract.js';
import { newCheckpoint, readCheckpoint, type Checkpoint } from './checkpoint.js';
import { watchGauges, type Gauges } from './gauges.js';

/** How often drift and the storage of the table are looked at. */
const LOOK_EVERY_MS = 5_000;
const LARGEST_PAGES = 2_000;
const LARGEST_ROWS = 100_000;
/** A chunk that takes this many times its target is cancelled, and tried again at a tenth. */
const CANCEL_AT = 20;
const LOCK_TIMEOUT_MS = 300;
/** Longest wait for a row of a writer, while the rows before it are locked. */
const ROW_LOCK_TIMEOUT_MS = 20;
/** After such a wait was given up, so many chunks pass over rows that somebody holds. */
const WARY_CHUNKS = 20;
const THROTTLED_PAUSE_MS = 200;

/**
 * Derives the new shape of every row that was there when the stream was on: chunks by pages or keys, each in one
 * transaction with its checkpoint, sized by the time that it takes, held up by gauges with a name. Goes on where an
 * earlier attempt was.
 */
export function backfillTable(work: ChangeWork, input: BackfillInput): Promise<BackfillReport> {
  return guarded(work, input, 'backfill', (session) =>
    work.open('gauges', async (observer) => {
      const gauges = await watchGauges({
        session: observer,
        table: input.partition ?? input.shape.source,
        slot: input.names.slot,
        messagePrefix: `${input.names.messagePrefix}_probe`,
        signal: work.signal,
      });
      try {
        return await new Backfill(work, input, { session, gauges }).run();
      } finally {
        await gauges.stop();
      }
    }),
  );
}

const extentRow = z.object({
  pages: z.string().transform(Number),
  file: z.string(),
  rows: z.string().transform(Number),
});
const keyRow = z.object({ key: z.array(z.string()) });
const restatedRow = z.object({ name: z.string() });

interface Chunk {
  readonly statement: Statement;
  readonly units: number;
  /** Where the next chunk begins, when this one is through. */
  readonly next: Checkpoint['at'];
  readonly isLast: boolean;
}

class Backfill {
  readonly #work: ChangeWork;
  readonly #input: BackfillInput;
  readonly #session: ChangeSession;
  readonly #gauges: Gauges;
  readonly #table: TableName;
  #pace: Pace = newPace(0, performance.now());
  #total = 0;
  #stoppedBy: readonly GaugeName[] = [];
  #lookedAt = performance.now();
  #explained = 0;
  /** Chunks to come that pass over rows which somebody holds; the others are a third faster, and wait for them. */
  #wary = 0;
  #restate: readonly string[] = [];

  constructor(
    work: ChangeWork,
    input: BackfillInput,
    parts: { readonly session: ChangeSession; readonly gauges: Gauges },
  ) {
    this.#work = work;
    this.#input = input;
    this.#session = parts.session;
    this.#gauges = parts.gauges;
    this.#table = input.partition ?? input.shape.source;
  }

  async run(): Promise<BackfillReport> {
    const { shape, names, partition, pass } = this.#input;
    const writer = partition ? `backfill:${showTable(partition)}` : 'backfill';
    await markWrites(this.#session, originOf(names.origin, writer));
    const { claim, progress } = await takeClaim(this.#session, { change: shape.id, writer });
    let checkpoint = readCheckpoint(progress, pass) ?? (await this.#begin());
    if (checkpoint.chunks > 0) {
      await this.#work.record({
        type: 'backfill_resumed',
        message: `goes on after ${checkpoint.rows} rows in ${checkpoint.chunks} chunks`,
      });
    }
    this.#total = this.#isByPages ? checkpoint.pages : (await this.#extent()).rows;
    await this.#findRestated();
    this.#pace = newPace(this.#doneOf(checkpoint), performance.now());
    while (!checkpoint.isDone) {
      // oxlint-disable-next-line no-await-in-loop -- chunks follow each other
      checkpoint = await this.#step(claim, checkpoint);
    }
    return reportOf(checkpoint);
  }

  async #step(claim: Claim, checkpoint: Checkpoint): Promise<Checkpoint> {
    this.#work.signal.throwIfAborted();
    const current = await this.#whileThrottled(await this.#look(checkpoint));
    const chunk = await this.#next(current);
    if (current.chunks === 0 || chunk.units > 2 * this.#explained) await this.#assertPlan(chunk);
    const next = await this.#write(claim, current, chunk);
    this.#pace = samplePace(this.#pace, this.#doneOf(next), performance.now());
    this.#show(next, '');
    return next;
  }

  get #isByPages(): boolean {
    return this.#input.change.backfill.by === 'pages';
  }

  #doneOf({ at, rows }: Checkpoint): number {
    return 'page' in at ? at.page : rows;
  }

  async #extent(): Promise<z.output<typeof extentRow>> {
    const [extent] = await this.#session.rows(extentRow, tableExtent(this.#table));
    if (!extent) throw new CodedError('SchemaDrifted', `${showTable(this.#table)} is gone`);
    return extent;
  }

  /** Others may build and drop indexes meanwhile. */
  async #findRestated(): Promise<void> {
    const shape = this.#input.shape;
    const own = new Set(shape.columns.map(({ name }) => name));
    const found = shape.sameRow ? await this.#session.rows(restatedRow, restatedColumns(this.#table)) : [];
    this.#restate = [...new Set(found.map(({ name }) => name))].filter((name) => !own.has(name));
  }

  async #begin(): Promise<Checkpoint> {
    const { change, pass } = this.#input;
    return newCheckpoint({ pass, by: change.backfill.by, ...(await this.#extent()) });
  }

  /** Every few seconds: whether somebody else changed the table, or gave it other storage. */
  async #look(checkpoint: Checkpoint): Promise<Checkpoint> {
    if (performance.now() - this.#lookedAt < LOOK_EVERY_MS) return checkpoint;
    this.#lookedAt = performance.now();
    await assertUndrifted(this.#session, this.#input);
    await this.#findRestated();
    const { file, pages } = await this.#extent();
    if (!this.#isByPages || file === checkpoint.file) return checkpoint;
    await this.#work.record({
      type: 'backfill_again',
      level: 'warning',
      message: `${showTable(this.#table)} was written anew by somebody (VACUUM FULL, CLUSTER): its pages are other ones, so they are gone through again`,
    });
    this.#total = pages;
    return { ...checkpoint, at: { page: 0 }, pages, file, isDone: pages === 0 };
  }

  /** Waits while a gauge holds the backfill up, and tells which. Others may change the table meanwhile as well. */
  async #whileThrottled(checkpoint: Checkpoint): Promise<Checkpoint> {
    const startedAt = performance.now();
    for (let current = checkpoint; ;) {
      const { go, reasons } = throttle({
        limits: this.#input.tuning.throttle,
        readings: this.#gauges.readings,
        now: performance.now(),
        stoppedBy: this.#stoppedBy,
      });
      if (go) {
        if (this.#stoppedBy.length > 0)
          await this.#work.record({ type: 'backfill_goes_on', message: 'the gauges are within their limits again' });
        this.#stoppedBy = [];
        return { ...current, throttledMs: current.throttledMs + performance.now() - startedAt };
      }
      const words = reasons.map(({ message }) => message).join('; ');
      if (this.#stoppedBy.length === 0) {
        // oxlint-disable-next-line no-await-in-loop -- once for each stop
        await this.#work.record({ type: 'backfill_throttled', level: 'warning', message: words, data: { reasons } });
      }
      this.#stoppedBy = reasons.map(({ gauge }) => gauge);
      this.#pace = samplePace(this.#pace, this.#pace.done, performance.now());
      this.#show(current, `held up: ${words}`);
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await sleep(THROTTLED_PAUSE_MS, undefined, { signal: this.#work.signal });
      // oxlint-disable-next-line no-await-in-loop
      current = await this.#look(current);
    }
  }

  get #options(): ChunkOptions {
    const { partition } = this.#input;
    return { skipLocked: this.#wary > 0, restate: this.#restate, ...(partition ? { partition } : {}) };
  }

  async #next(checkpoint: Checkpoint): Promise<Chunk> {
    const { shape } = this.#input;
    const { at, sizer } = checkpoint;
    if ('page' in at) {
      const to = Math.min(checkpoint.pages, at.page + sizer.size);
      return {
        statement: backfillPages(shape, { from: at.page, to }, this.#options),
        units: to - at.page,
        next: { page: to },
        isLast: to >= checkpoint.pages,
      };
    }
    const [end] = await this.#session.rows(keyRow, nextKey(shape, { after: at.after, size: sizer.size }));
    const upTo: Key | null = end?.key ?? null;
    return {
      statement: backfillKeys(shape, { after: at.after, upTo }, this.#options),
      units: sizer.size,
      next: { after: upTo },
      isLast: upTo === null,
    };
  }

  /** A chunk must read its own rows and nothing else: with another plan the whole takes for ever. */
  async #assertPlan(chunk: Chunk): Promise<void> {
    const problem = await this.#session.transaction('read committed', async () => {
      await this.#session.run(applySettings());
      const { rows } = await this.#session.run(explain(chunk.statement));
      const [row] = z.array(z.object({ 'QUERY PLAN': z.unknown() })).parse(rows);
      return planProblem(row?.['QUERY PLAN'], this.#isByPages ? 'pages' : 'keys');
    });
    if (problem !== null) {
      throw new CodedError('PreflightRefused', `${problem}. Run ANALYZE ${showTable(this.#table)}, then retry`);
    }
    this.#explained = chunk.units;
  }

  async #write(claim: Claim, checkpoint: Checkpoint, chunk: Chunk): Promise<Checkpoint> {
    const { shape, tuning } = this.#input;
    const sizing = {
      ...CHUNK_SIZING,
      targetMs: tuning.chunkTargetMs,
      largest: this.#isByPages ? LARGEST_PAGES : LARGEST_ROWS,
    };
    const startedAt = performance.now();
    // In another table nothing is locked that writers wait for, and the fence of the stream is held for a whole batch.
    const lockTimeoutMs = shape.sameRow && this.#wary === 0 ? ROW_LOCK_TIMEOUT_MS : LOCK_TIMEOUT_MS;
    try {
      const written = await writeFenced(
        this.#session,
        {
          shape,
          claim,
          limits: { lockTimeoutMs, statementTimeoutMs: Math.ceil(CANCEL_AT * tuning.chunkTargetMs) },
          // A row that goes between the snapshot of the chunk and its commit must not come back to life.
          alsoLock: shape.sameRow ? [] : ['stream'],
        },
        async () => {
          const lockedAt = performance.now();
          const { count } = await this.#session.run(chunk.statement);
          const ms = performance.now() - startedAt;
          // What comes before the first lock keeps nobody waiting, so that it is no reason for a smaller chunk.
          const heldMs = performance.now() - lockedAt;
          const next: Checkpoint = {
            ...checkpoint,
            at: chunk.next,
            isDone: chunk.isLast,
            sizer: sizeNextChunk(checkpoint.sizer, { units: chunk.units, ms: heldMs }, sizing),
            rows: checkpoint.rows + count,
            chunks: checkpoint.chunks + 1,
            workedMs: checkpoint.workedMs + ms,
            longestMs: Math.max(checkpoint.longestMs, heldMs),
          };
          return { advance: { rows: count, progress: JSON.stringify(next), lsn: null }, result: next };
        },
      );
      this.#wary = Math.max(0, this.#wary - 1);
      return written;
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === undefined || !RETRIED.has(state)) throw error;
      // Nothing of it is written. Cancelled by its time: smaller; met somebody: after a moment.
      if (state === CANCELLED) {
        const ms = performance.now() - startedAt;
        return {
          ...checkpoint,
          sizer: sizeNextChunk(checkpoint.sizer, { units: chunk.units, ms, timedOut: true }, sizing),
        };
      }
      this.#wary = WARY_CHUNKS;
      await sleep(20 + Math.random() * 80, undefined, { signal: this.#work.signal });
      return checkpoint;
    }
  }

  #show(checkpoint: Checkpoint, reason: string): void {
    const { percent, perSecond, secondsLeft } = progressOf(this.#pace, this.#total);
    const unit = this.#isByPages ? 'pages' : 'rows';
    const left = secondsLeft === null ? '' : `, ${secondsLeft} s left`;
    this.#work.progress(percent, reason || `${checkpoint.rows} rows, ${perSecond} ${unit}/s${left}`);
  }
}

const CANCELLED = '57014';
/** query_canceled, lock_not_available, deadlock_detected, serialization_failure */
const RETRIED = new Set([CANCELLED, '55P03', '40P01', '40001']);

function reportOf({ rows, chunks, workedMs, throttledMs, longestMs }: Checkpoint): BackfillReport {
  return {
    rows,
    chunks,
    durationMs: Math.round(workedMs + throttledMs),
    throttledMs: Math.round(throttledMs),
    rowsPerSecond: workedMs > 0 ? Math.round((rows * 1000) / workedMs) : 0,
    longestChunkMs: Math.round(longestMs),
  };
}

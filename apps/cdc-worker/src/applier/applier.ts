import type { StreamMode } from '@switchyard/contracts';
import { takeClaim, type ChangeSession, STREAM_WRITER } from '@switchyard/change-database';
import {
  batchesOf,
  CHUNK_SIZING,
  identityOf,
  newChunkSizer,
  readParked,
  sizeNextChunk,
  type Key,
  type Shape,
} from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeSource } from '../source/change-source.js';
import { applyBatch, type BatchContext } from './batch.js';
import type { StreamFigures } from './figures.js';
import { Intake, type Taken } from './intake.js';
import { Reading } from './reading.js';

/** Options of {@link runApplier}. */
export interface ApplierOptions {
  readonly session: ChangeSession;
  readonly shape: Shape;
  readonly mode: StreamMode;
  /** Opens the source at the position that is applied. */
  readonly openSource: (applied: string | null) => Promise<ChangeSource>;
  /** Milliseconds that a batch may hold row locks. */
  readonly batchTargetMs: number;
  readonly figures: StreamFigures;
  readonly signal: AbortSignal;
  readonly onParked: (key: Key, reason: string) => void;
}

const FIRST_BATCH = 500;
const SMALLEST_BATCH = 20;
const LARGEST_BATCH = 5_000;
/**
 * From the beginning of a batch to that of the next one. Each batch ends on disk, and the writers of the application
 * wait for the same disk: under traffic one batch for every write would double what it has to do.
 */
const GATHER_MS = 15;
/** A stream that is more seconds behind than this waits longer for a whole batch: each one costs the same seven round trips. */
const BEHIND_S = 1;
const GATHER_BEHIND_MS = 100;
/** Parked keys are tried again this often, a few at a time: what they met may be gone. */
const RETRY_PARKED_MS = 60_000;
const PARKED_AT_ONCE = 20;

/**
 * Applies what a source gives until the signal aborts or the source ends. Becomes the one writer of the stream first, so
 * that whoever was it before can write nothing any more.
 */
export async function runApplier(options: ApplierOptions): Promise<void> {
  const { session, shape, figures } = options;
  const claimed = await takeClaim(session, { change: shape.id, writer: STREAM_WRITER });
  figures.claimed(claimed);
  await using source = await options.openSource(claimed.lsn);
  const applier = new Applier(options, {
    session,
    shape,
    claim: claimed.claim,
    mode: options.mode,
    signal: options.signal,
    onRetry: (reason) => figures.retried(reason),
    onParked: options.onParked,
  });
  await applier.run(source);
}

const parkedRow = z.object({ key: z.array(z.string()) });

class Applier {
  readonly #options: ApplierOptions;
  readonly #context: BatchContext;
  readonly #intake = new Intake();
  readonly #parked = new Map<string, Key>();
  #sizer = newChunkSizer(FIRST_BATCH);
  #parkedTriedAt = performance.now();

  constructor(options: ApplierOptions, context: BatchContext) {
    this.#options = options;
    this.#context = { ...context, onParked: (key, reason) => this.#onParked(key, reason) };
  }

  async run(source: ChangeSource): Promise<void> {
    const { session, shape, figures, signal } = this.#options;
    for (const { key } of await session.rows(parkedRow, readParked(shape.id, LARGEST_BATCH))) {
      this.#parked.set(identityOf(key), key);
    }
    figures.parked(this.#parked.size);
    // The first word of this epoch: a barrier counts only for a writer that has spoken.
    await this.#apply({ keys: [], truncated: [], xids: [], position: null, oldestCommit: null, changes: 0 });
    const reading = new Reading({ source, intake: this.#intake, figures, signal });
    let until = performance.now();
    try {
      while (await reading.gather({ keys: this.#sizer.size, until, withinMs: this.#msUntilParked() })) {
        until = performance.now() + (figures.lagSeconds > BEHIND_S ? GATHER_BEHIND_MS : GATHER_MS);
        // oxlint-disable-next-line no-await-in-loop -- what was taken is applied before more is taken
        await this.#applyTaken(source);
        // oxlint-disable-next-line no-await-in-loop -- between two batches
        await this.#retryParked();
      }
    } finally {
      // Closed first: the reading waits for its next word.
      await source[Symbol.asyncDispose]();
      await reading.stop();
    }
  }

  async #applyTaken(source: ChangeSource): Promise<void> {
    if (this.#intake.isEmpty) return;
    const taken = this.#intake.take();
    await this.#apply(taken);
    if (taken.position !== null) source.acknowledge(taken.position);
  }

  async #apply(taken: Taken): Promise<void> {
    const { figures } = this.#options;
    let rest: readonly Key[] = taken.keys;
    let first: Pick<Taken, 'truncated' | 'xids'> = taken;
    do {
      const [keys = []] = batchesOf(rest, evenly(rest.length, this.#sizer.size));
      rest = rest.slice(keys.length);
      // oxlint-disable-next-line no-await-in-loop -- batches follow each other: the position goes with the last one
      const { rows, parked, heldMs } = await applyBatch(this.#context, {
        keys,
        ...first,
        position: rest.length === 0 ? taken.position : null,
        parked: keys.filter((key) => this.#parked.has(identityOf(key))),
      });
      if (parked === 0) for (const key of keys) this.#parked.delete(identityOf(key));
      // Visible once, visible ever after.
      first = { truncated: [], xids: [] };
      if (keys.length > 0) {
        this.#sizer = sizeNextChunk(this.#sizer, { units: keys.length, ms: heldMs }, this.#sizing);
      }
      figures.applied({ keys: keys.length, rows, position: rest.length === 0 ? taken.position : null });
      figures.parked(this.#parked.size);
    } while (rest.length > 0);
  }

  get #sizing() {
    return {
      ...CHUNK_SIZING,
      targetMs: this.#options.batchTargetMs,
      smallest: SMALLEST_BATCH,
      largest: LARGEST_BATCH,
    };
  }

  #msUntilParked(): number | undefined {
    if (this.#parked.size === 0) return undefined;
    return Math.max(0, this.#parkedTriedAt + RETRY_PARKED_MS - performance.now());
  }

  async #retryParked(): Promise<void> {
    if (this.#msUntilParked() !== 0) return;
    this.#parkedTriedAt = performance.now();
    for (const key of [...this.#parked.values()].slice(0, PARKED_AT_ONCE)) {
      // oxlint-disable-next-line no-await-in-loop -- each by itself: most of them fail again
      await this.#apply({ keys: [key], truncated: [], xids: [], position: null, oldestCommit: null, changes: 0 });
    }
  }

  #onParked(key: Key, reason: string): void {
    const isNew = !this.#parked.has(identityOf(key));
    this.#parked.set(identityOf(key), key);
    if (isNew) this.#options.onParked(key, reason);
  }
}

/** The size of batches that are about the same: a small one at the end would cost as much as the others. */
const evenly = (keys: number, most: number): number => Math.max(1, Math.ceil(keys / Math.ceil(keys / most)));

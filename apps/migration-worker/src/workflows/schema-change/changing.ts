import type { BackfillReport, ParityProof, StreamMode } from '@switchyard/contracts';
import {
  columnOf,
  newMachine,
  streamMode,
  type Change,
  type Machine,
  type Plan,
  type TableName,
} from '@switchyard/schema-change';
import { digestOf, fail, type Run } from '@switchyard/workflow-kit';
import type { ChangeCall, ColumnDefinition, FlagSet, Guarded, Planned, Tuning } from '../../change/contract.js';
import { DURING_THE_CHANGE, patiently } from '../patience.js';
import { StreamChild } from './stream-child.js';
import { workUntil } from './work-until.js';

/** A change as the database allows it. */
export type PassedPlan = Extract<Planned, { passed: true }>;

/** Flags as the run has set them. */
export interface FlagsSet {
  readonly read: FlagSet | null;
  readonly write: FlagSet | null;
}

const DEFAULT_WAL_BUDGET = 4 * 1024 ** 3;

/** What a run of a change knows and has. The work of each state reads and changes it; the machine says whose turn it is. */
export class Changing {
  readonly run: Run;
  readonly change: Change;
  machine: Machine = newMachine();
  planned: PassedPlan | undefined;
  /** The tables as the own changes left them. */
  definition: readonly ColumnDefinition[] = [];
  stream: StreamChild | undefined;
  /** Passes of the backfill from the start: one for each stream. */
  pass = 0;
  tuning: Tuning;
  /** Counts the changes of {@link tuning}. */
  tunings = 0;
  backfill: BackfillReport | null = null;
  /** Every proof that was taken, oldest first. */
  readonly parity: ParityProof[] = [];
  /** Proofs without a difference, one after the other, in the mode that the stream has now. */
  proofs = 0;
  stableSince: string | null = null;
  coolingSince: string | null = null;
  flags: FlagsSet = { read: null, write: null };
  lock: string | undefined;
  /** What the run ends with when it does not end well. */
  ending: Error | undefined;
  #streams = 0;

  constructor(run: Run, change: Change) {
    this.run = run;
    this.change = change;
    this.tuning = { chunkTargetMs: change.backfill.chunkTarget, throttle: change.backfill.throttle };
  }

  get plan(): Plan | null {
    return this.planned?.plan ?? null;
  }

  get planDigest(): string {
    return this.planned ? digestOf(this.planned.plan) : '';
  }

  get lastProof(): ParityProof | null {
    return this.parity.at(-1) ?? null;
  }

  /** What the machine wants of the stream. */
  get mode(): StreamMode {
    return streamMode(this.machine) ?? { direction: 'forward', relation: 'derived' };
  }

  /** Old columns that lose NOT NULL, because writers of the new shape leave them out. */
  get relaxed(): readonly string[] {
    const { catalog } = this.planned ?? {};
    return catalog ? this.change.drop.filter((name) => columnOf(catalog, name)?.notNull) : [];
  }

  get partitions(): readonly TableName[] {
    return this.planned?.catalog.table?.partitions ?? [];
  }

  call(step: string): ChangeCall {
    if (!this.planned) throw new Error('the plan comes first');
    const { shape, names } = this.planned;
    return { ref: this.run.ref, step, change: this.change, shape, names };
  }

  guarded(step: string): Guarded & { readonly definition: readonly ColumnDefinition[] } {
    return { ...this.call(step), definition: this.definition };
  }

  /** For undoing: whatever the tables are by now. */
  unguarded(step: string): Guarded {
    return { ...this.call(step), definition: null };
  }

  /** Does a piece of work again while the database does not answer. */
  patient<T>(step: string, work: () => Promise<T>): Promise<T> {
    return patiently(this.run, step, DURING_THE_CHANGE, work);
  }

  /** Starts a stream in place of the one before. */
  async startStream(step: string, mode: StreamMode): Promise<StreamChild> {
    const { shape, names } = this.call(step);
    const { database, backfill } = this.change;
    this.#streams++;
    this.stream = await StreamChild.start(
      this.run,
      {
        database,
        shape: { ...shape, key: [...shape.key], columns: [...shape.columns], reverse: [...shape.reverse] },
        names,
        mode,
        batchTarget: backfill.chunkTarget,
        maxSlotWalBytes: backfill.throttle.slotWalBytes ?? DEFAULT_WAL_BUDGET,
      },
      { step, number: this.#streams },
    );
    return this.stream;
  }

  /**
   * Work that is nothing without the stream: ends it as soon as the stream has ended by itself.
   * @throws StreamLost
   */
  async withStream<T>(work: () => Promise<T>): Promise<T> {
    const { stream } = this;
    if (!stream) return work();
    const done = await workUntil(work, () => !stream.isAlive);
    if (done) return done.result;
    throw fail('StreamLost', `the stream has ended: ${stream.failure?.message ?? 'somebody stopped it'}`);
  }
}

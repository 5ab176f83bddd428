import type { BackfillReport, Condition, ParityProof, RunRef, StreamMode, ThrottleLimits } from '@switchyard/contracts';
import type {
  Catalog,
  Change,
  Finding,
  GateName,
  ObjectNames,
  Plan,
  Shape,
  TableName,
} from '@switchyard/schema-change';

/** One column as it is defined now. */
export interface ColumnDefinition {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default: string | null;
}

/** What every activity of a schema change is told. */
export interface ChangeCall {
  readonly ref: RunRef;
  /** The step that progress is reported for. */
  readonly step: string;
  readonly change: Change;
  readonly shape: Shape;
  readonly names: ObjectNames;
}

/** A change as the database allows it, or what stands in its way. */
export type Planned =
  | { readonly passed: false; readonly findings: readonly Finding[] }
  | {
      readonly passed: true;
      readonly findings: readonly Finding[];
      readonly catalog: Catalog;
      readonly shape: Shape;
      readonly names: ObjectNames;
      readonly plan: Plan;
      /** The tables as they are defined before anything is made. */
      readonly definition: readonly ColumnDefinition[];
    };

export interface Guarded extends ChangeCall {
  /**
   * The tables as our own changes left them; what differs from it was done by somebody else. Null: the tables are taken
   * as they are, because undoing must work in the middle of our own changes and after those of others.
   */
  readonly definition: readonly ColumnDefinition[] | null;
}

/** How hard a backfill may press; can be changed while it runs. */
export interface Tuning {
  readonly chunkTargetMs: number;
  readonly throttle: ThrottleLimits;
}

export interface BackfillInput extends Guarded {
  readonly tuning: Tuning;
  /** A partition of the table, filled by a call of its own; null: the whole table. */
  readonly partition: TableName | null;
  /** Counts the passes from the start: after a lost stream everything is derived again. */
  readonly pass: number;
}

export interface Caughtup {
  /** Since when every barrier was passed in time, ISO 8601. */
  readonly stableSince: string;
  readonly barrier: string;
}

/** A flag is to be set. */
export interface FlagCall extends ChangeCall {
  /** The version that the run gave it last, so that a late attempt changes nothing; null: it set none yet. */
  readonly known: number | null;
}

/** The write flag is to be set so that writers fill both shapes. */
export interface DualWriteCall extends FlagCall {
  /** The shape that every writer fills, so that readers go by it where the two differ. Default: the old one. */
  readonly prefer?: 'old' | 'new';
}

export interface FlagSet {
  readonly key: string;
  readonly version: number;
}

/** What a gate is judged by, beside what the database says. */
export interface GateInput extends Guarded {
  /** Of what we left; nobody looks at a gate while undoing. */
  readonly definition: readonly ColumnDefinition[];
  readonly gate: GateName;
  readonly mode: StreamMode;
  readonly proof: ParityProof | null;
  readonly proofs: number;
  readonly stableSince: string | null;
  readonly coolingSince: string | null;
  readonly flags: { readonly read: FlagSet | null; readonly write: FlagSet | null };
  /** States of the conditions as the run knows them: the call answers when one of them changes. */
  readonly known: readonly string[];
  /** Milliseconds after which it answers in any case; 0: at once. */
  readonly waitMs: number;
  /** Milliseconds that it does not answer before, so that a condition that flickers costs no history. */
  readonly restMs: number;
}

export interface GateSeen {
  readonly conditions: readonly Condition[];
  readonly stableSince: string | null;
}

/** What must be gone at the end. */
export type EndKind = 'completed' | 'aborted';

/** The activities of a schema change. Those of the seed's names keep them. */
export interface ChangeActivities {
  /** Looks, and makes nothing. */
  planSchemaChange(input: { readonly ref: RunRef; readonly step: string; readonly change: Change }): Promise<Planned>;
  lockTable(
    input: ChangeCall & { readonly waits: boolean },
  ): Promise<{ readonly lock: string; readonly isAcquired: boolean }>;
  unlockTable(input: { readonly ref: RunRef; readonly lock: string }): Promise<void>;
  /** Control tables, then the new columns or the new table. */
  expandSchema(input: Guarded): Promise<readonly ColumnDefinition[]>;
  /** Proves that a worker takes tasks of cdc-queue. */
  ensureMigrationWorker(input: ChangeCall): Promise<void>;
  /** Barriers without pause until each was passed in time for so long. */
  waitForCatchup(
    input: Guarded & { readonly mode: StreamMode; readonly maxLagSeconds: number; readonly minStableSeconds: number },
  ): Promise<Caughtup>;
  backfillTable(input: BackfillInput): Promise<BackfillReport>;
  /** With partitions: each index is built on every one of them, and attached. */
  buildIndexes(input: Guarded & { readonly partitions: readonly TableName[] }): Promise<void>;
  addConstraints(input: Guarded): Promise<void>;
  /** Barrier, then every row. */
  proveParity(input: Guarded & { readonly mode: StreamMode }): Promise<ParityProof>;
  /** Derives again what parity found. Gives the number of rows that it wrote. */
  mendRows(input: Guarded & { readonly mode: StreamMode }): Promise<number>;
  enableReadFlag(input: FlagCall & { readonly percent: number }): Promise<FlagSet>;
  enableDualWriteFlag(input: DualWriteCall): Promise<FlagSet>;
  disableOldWrites(input: FlagCall): Promise<FlagSet>;
  /** Back to where only the old shape is written. */
  enableOldWrites(input: FlagCall): Promise<FlagSet>;
  /** Waits until every live instance of every service uses that version of a flag. */
  waitForServices(input: ChangeCall & { readonly flag: FlagSet }): Promise<void>;
  /** Shadow reads under that version: none may differ. */
  verifyReadParity(input: ChangeCall & { readonly flag: FlagSet }): Promise<{ readonly compared: number }>;
  /** Waits until every transaction that began before now is over: it may still do what an older flag told it. */
  settle(input: ChangeCall): Promise<void>;
  /** NOT NULL on the new columns by proof, and off the old ones. */
  makeNewColumnsNotNull(input: Guarded & { readonly relaxed: readonly string[] }): Promise<readonly ColumnDefinition[]>;
  observeGate(input: GateInput): Promise<GateSeen>;
  /** Proves that nobody reads the old shape any more, as far as the flags tell. */
  disableOldReads(input: ChangeCall & { readonly flags: GateInput['flags'] }): Promise<void>;
  dropOldColumn(input: Guarded): Promise<readonly ColumnDefinition[]>;

  relaxNewColumns(input: ChangeCall): Promise<void>;
  restrictOldColumns(input: ChangeCall & { readonly relaxed: readonly string[] }): Promise<void>;
  dropIndexes(input: ChangeCall): Promise<void>;
  dropConstraints(input: ChangeCall): Promise<void>;
  dropNewShape(input: ChangeCall): Promise<void>;
  removeControl(input: ChangeCall): Promise<void>;
  /** What is still there and should not be; empty: nothing was left behind. */
  findLeftovers(
    input: ChangeCall & { readonly end: EndKind },
  ): Promise<readonly { readonly kind: string; readonly name: string }[]>;
}

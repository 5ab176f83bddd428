import type {
  BackfillReport,
  ParityProof,
  SchemaChangeResult,
  SCHEMA_CHANGE_UPDATES,
  StreamMode,
} from '@switchyard/contracts';
import {
  abortPlan,
  canAbort,
  columnOf,
  gateHolds,
  newMachine,
  phaseOf,
  PHASES,
  streamMode,
  transition,
  type AbortPlan,
  type Change,
  type EventName,
  type GateName,
  type Machine,
  type MachineEvent,
  type Reached,
  type TableName,
  type WorkState,
} from '@switchyard/schema-change';
import { digestOf, fail, failureOf, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import type { z } from 'zod';
import type {
  ChangeCall,
  ColumnDefinition,
  FlagSet,
  GateInput,
  Guarded,
  Planned,
  Tuning,
} from '../../change/contract.js';
import { BEFORE_THE_CHANGE, DURING_THE_CHANGE, patiently } from '../patience.js';
import { calls } from './calls.js';
import { eventOf } from './failures.js';
import { GateView, lookTimes, statesOf } from './gate.js';
import { fillPartitions } from './partitions.js';
import { ABORT_STEP, STEP_OF, STEPS, titleOf } from './steps.js';
import { StreamChild } from './stream.js';
import { undo, type UndoParts } from './undo.js';

type Plan = Extract<Planned, { passed: true }>;

/** After writers were told something, how closely the stream must follow before the next thing. */
const SWITCH_LAG_SECONDS = 5;
const SWITCH_STABLE_SECONDS = 60;

/** States whose work neither an abort nor a cancel interrupts: undoing, and what can no longer be undone. */
const UNDISTURBED: ReadonlySet<string> = new Set(['aborting', 'dropping', 'cleaning']);

/**
 * One schema change: interprets the machine of `@switchyard/schema-change`. Each state has its work below; what the
 * work came to is an event, and the table says where the run goes on.
 */
export class ChangeRun {
  readonly #run: Run;
  readonly #change: Change;
  #machine: Machine = newMachine();
  #planned: Plan | undefined;
  #definition: readonly ColumnDefinition[] = [];
  #stream: StreamChild | undefined;
  #streams = 0;
  #pass = 0;
  #tuning: Tuning;
  #tunings = 0;
  #backfill: BackfillReport | null = null;
  readonly #parity: ParityProof[] = [];
  /** Proofs in a row, in the mode that the stream has now. */
  #proofs = 0;
  #stableSince: string | null = null;
  #coolingSince: string | null = null;
  #flags: { read: FlagSet | null; write: FlagSet | null } = { read: null, write: null };
  #lock: string | undefined;
  #failure: CodedFailure | undefined;
  /** What the run ends with, when it does not end well. */
  #ending: Error | undefined;

  constructor(run: Run, change: Change) {
    this.#run = run;
    this.#change = change;
    this.#tuning = { chunkTargetMs: change.backfill.chunkTarget, throttle: change.backfill.throttle };
  }

  /** The result as far as it is known. */
  get report(): SchemaChangeResult {
    const { steps, warnings } = this.#run.board.status;
    const phases = PHASES.map((phase) => {
      const own = STATES.filter((state) => PHASE_STATES[phase].has(state)).flatMap((state) => {
        const step = steps.find(({ id }) => id === STEP_OF[state]);
        if (!step?.startedAt || !step.endedAt) return [];
        const { id, title, startedAt, endedAt, detail = null } = step;
        return [{ id, title, startedAt, endedAt, durationMs: Date.parse(endedAt) - Date.parse(startedAt), detail }];
      });
      return { phase, durationMs: own.reduce((sum, { durationMs }) => sum + durationMs, 0), steps: own };
    });
    const { source } = this.#change;
    return {
      runId: this.#run.ref.runId,
      change: this.#change.name,
      database: this.#change.database,
      table: `${source.schema}.${source.name}`,
      planDigest: this.planDigest,
      phases,
      parity: [...this.#parity],
      backfill: this.#backfill,
      streamRows: this.#stream?.rowsWritten ?? 0,
      warnings: [...warnings],
      durationMs: this.#run.elapsedMs(),
    };
  }

  get plan(): Plan['plan'] | null {
    return this.#planned?.plan ?? null;
  }

  get planDigest(): string {
    return this.#planned ? digestOf(this.#planned.plan) : '';
  }

  /** What an abort would do now. */
  get abortPreview(): AbortPlan {
    if (this.#planned) return abortPlan(this.#machine, this.#change, this.#planned.catalog);
    return { possible: canAbort(this.#machine), refusal: '', actions: [], restored: [], lost: [] };
  }

  /** Changes how hard the backfill presses; one that runs goes on from its checkpoint with it. */
  tune({ chunkTarget, throttle }: z.output<(typeof SCHEMA_CHANGE_UPDATES)['tune']>): void {
    this.#tuning = {
      chunkTargetMs: chunkTarget ?? this.#tuning.chunkTargetMs,
      throttle: { ...this.#tuning.throttle, ...defined(throttle ?? {}) },
    };
    this.#tunings++;
  }

  /** Lives until the machine has come to an end. */
  async live(): Promise<SchemaChangeResult> {
    try {
      while ('reached' in this.#machine) {
        // oxlint-disable-next-line no-await-in-loop -- one state after the other
        const event = await this.#work();
        this.#take(event);
      }
    } finally {
      await CancellationScope.nonCancellable(() => this.#unlock());
    }
    if (this.#machine.state === 'completed') return this.report;
    throw this.#ending ?? fail('Aborted', this.#machine.reason, { report: this.report });
  }

  #take(event: MachineEvent): void {
    const before = this.#machine.state;
    const moved = transition(this.#machine, event);
    if (moved.kind !== 'moved') {
      this.#run.warn(`${event.event} had no effect while ${before}: ${moved.why}`);
      return;
    }
    this.#machine = moved.machine;
    this.#run.phase(phaseOf(this.#machine));
    this.#run.event({
      source: 'schema-change',
      type: 'state',
      level: ['held', 'aborting'].includes(this.#machine.state) ? 'warning' : 'info',
      message: `${before} → ${this.#machine.state}${event.detail ? `: ${event.detail}` : ''}`,
      data: { event: event.event, before, after: this.#machine.state },
    });
  }

  /** Does the work of the state; gives what came of it. Never throws but for defects. */
  async #work(): Promise<MachineEvent> {
    const machine = this.#machine;
    const { state } = machine;
    if (state === 'held') return this.#held(machine);
    const isUndisturbed = UNDISTURBED.has(state);
    if (state === 'dropping' && !this.#run.scope.consideredCancelled) {
      this.#run.pointOfNoReturn(`${this.#change.drop.join(', ') || 'the old shape'} is being dropped`);
    }
    if (!isUndisturbed || (state === 'dropping' && this.#run.scope.consideredCancelled)) {
      if (this.#run.scope.consideredCancelled) return this.#abortEvent();
    }
    const work = (): Promise<MachineEvent> => this.#inState(state as WorkState);
    try {
      return await (isUndisturbed ? CancellationScope.nonCancellable(work) : work());
    } catch (error) {
      if (isCancellation(error) && this.#run.scope.consideredCancelled) return this.#abortEvent();
      return this.#failed(error);
    }
  }

  #abortEvent(): MachineEvent {
    const { aborted } = this.#run;
    const detail = aborted ? `${aborted.by} aborted${aborted.reason ? `: ${aborted.reason}` : ''}` : 'cancelled';
    this.#run.board.change({ state: 'compensating' });
    return { event: 'abort', detail };
  }

  #failed(error: unknown): MachineEvent {
    const failure = failureOf(error);
    this.#failure = failure;
    const event = eventOf(failure);
    if (event === 'rejected') {
      this.#ending = fail(failure.code, failure.message, failure.details);
      this.#run.board.change({ state: 'compensating' });
    }
    return { event, detail: failure.message };
  }

  async #held(machine: Extract<Machine, { state: 'held' }>): Promise<MachineEvent> {
    const step = machine.at === 'aborting' ? ABORT_STEP : STEP_OF[machine.at];
    const failure = this.#failure ?? { code: 'Internal', message: machine.detail, details: null };
    const hold = () => this.#run.hold(step, failure, { isSkippable: false });
    try {
      await (UNDISTURBED.has(machine.at) ? CancellationScope.nonCancellable(hold) : hold());
      return { event: 'retry' };
    } catch (error) {
      if (isCancellation(error) && this.#run.scope.consideredCancelled) return this.#abortEvent();
      throw error;
    }
  }

  /** The work of one state, as a step of the status, watched over by the stream where there is one. */
  async #inState(state: WorkState): Promise<MachineEvent> {
    if (state === 'aborting') return this.#aborting();
    const step = STEP_OF[state];
    if (!UNDISTURBED.has(state)) await this.#run.checkpoint();
    let event: EventName = 'done';
    await this.#run.inStep(
      step,
      async () => {
        event = await this.#withStream(state, () => this.#of[state](step));
      },
      { attempt: this.#attemptOf(step) },
    );
    return { event, detail: this.#ending?.message ?? '' };
  }

  #attemptOf(step: string): number {
    const known = this.#run.board.status.steps.find(({ id }) => id === step);
    return (known?.attempt ?? 0) + 1;
  }

  /** Ends the work of a state that needs the stream as soon as the stream has ended by itself. */
  async #withStream(state: WorkState, work: () => Promise<EventName>): Promise<EventName> {
    const stream = this.#stream;
    if (!stream || state === 'connecting' || streamMode(this.#machine) === null) return work();
    const scope = new CancellationScope();
    let isThrough = false;
    const working = scope.run(work).finally(() => {
      isThrough = true;
    });
    const settled = working.then(
      () => undefined,
      () => undefined,
    );
    try {
      await condition(() => isThrough || !stream.isAlive);
    } catch (error) {
      await CancellationScope.nonCancellable(() => settled);
      throw error;
    }
    if (isThrough) return working;
    scope.cancel();
    await CancellationScope.nonCancellable(() => settled);
    throw fail('StreamLost', `the stream has ended: ${stream.failure?.message ?? 'somebody stopped it'}`);
  }

  // --- the work of each state ---

  readonly #of: Readonly<Record<Reached, (step: string) => Promise<EventName>>> = {
    preflight: (step) => this.#preflight(step),
    expanding: async (step) => {
      this.#definition = await this.#patient(step, () => calls.short.expandSchema(this.#guarded(step)));
      return 'done';
    },
    connecting: (step) => this.#connect(step),
    backfilling: (step) => this.#fill(step),
    indexing: async (step) => {
      const { indexes, constraints } = this.#change;
      if (indexes.length > 0) {
        const partitions = this.#partitions;
        await this.#patient(step, () => calls.long.buildIndexes({ ...this.#guarded(step), partitions }));
      }
      if (constraints.length > 0) await this.#patient(step, () => calls.long.addConstraints(this.#guarded(step)));
      return 'done';
    },
    proving: async (step) => {
      const { maxLagSeconds, minStableSeconds } = this.#change.gates;
      this.#proofs = 0;
      await this.#catchUp(step, { maxLagSeconds, minStableSeconds });
      await this.#prove(step);
      return 'done';
    },
    cutoverGate: (step) => this.#gate('cutover', step),
    switchingReads: (step) => this.#switchReads(step),
    dualWriting: async (step) => {
      await this.#turn(step);
      await this.#flip(step, 'write', () => calls.short.enableDualWriteFlag(this.#call(step)));
      await this.#catchUp(step, this.#closely);
      await this.#prove(step);
      return 'done';
    },
    enforcing: async (step) => {
      this.#definition = await this.#patient(step, () =>
        calls.short.makeNewColumnsNotNull({ ...this.#guarded(step), relaxed: this.#relaxed }),
      );
      return 'done';
    },
    reversing: async (step) => {
      await this.#turn(step);
      return 'done';
    },
    switchingWrites: async (step) => {
      await this.#flip(step, 'write', () => calls.short.disableOldWrites(this.#call(step)));
      await this.#catchUp(step, this.#closely);
      await this.#prove(step);
      return 'done';
    },
    coolingDown: async (step) => {
      this.#coolingSince ??= new Date().toISOString();
      const left = Date.parse(this.#coolingSince) + this.#change.gates.coolDown - Date.now();
      if (left > 0) {
        this.#run
          .step(step)
          .waiting(`until ${new Date(Date.now() + left).toISOString()}; an abort loses nothing meanwhile`);
        await this.#run.waitFor({ kind: 'condition', name: 'cool-down' }, () => sleep(left));
      }
      return 'done';
    },
    contractGate: (step) => this.#gate('contract', step),
    closing: async (step) => {
      await this.#patient(step, () => calls.short.disableOldReads({ ...this.#call(step), flags: this.#flags }));
      await this.#catchUp(step, { maxLagSeconds: SWITCH_LAG_SECONDS, minStableSeconds: 0 });
      await this.#prove(step);
      return 'done';
    },
    dropping: async (step) => {
      await this.#stream?.stop();
      this.#definition = await this.#patient(step, () => calls.short.dropOldColumn(this.#guarded(step)));
      return 'done';
    },
    cleaning: async (step) => {
      await this.#patient(step, () => calls.short.removeControl(this.#call(step)));
      const left = await this.#patient(step, () =>
        calls.short.findLeftovers({ ...this.#call(step), end: 'completed' }),
      );
      if (left.length > 0) {
        throw fail('CompensationFailed', `still there: ${left.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`, {
          left,
        });
      }
      return 'done';
    },
  };

  async #preflight(step: string): Promise<EventName> {
    const planned = await patiently(this.#run, step, BEFORE_THE_CHANGE, () =>
      calls.short.planSchemaChange({ ref: this.#run.ref, step, change: this.#change }),
    );
    for (const { level, message } of planned.findings) if (level === 'warning') this.#run.warn(message);
    if (!planned.passed) {
      const obstacles = planned.findings.filter(({ level }) => level === 'obstacle');
      const words = obstacles.map(({ subject, message, fix }) => `${subject}: ${message} ${fix}`);
      this.#ending = fail('PreflightRefused', words.join('\n'), { findings: planned.findings });
      return 'refused';
    }
    this.#planned = planned;
    this.#definition = planned.definition;
    await this.#takeLock(step);
    const { total, longestExclusiveMs } = planned.plan;
    this.#run
      .step(step)
      .progress(
        100,
        `about ${total.rows} rows, ${Math.round(total.seconds)} s, ${Math.round(total.walBytes / 1e6)} MB of WAL; everyone waits at most ${longestExclusiveMs} ms`,
      );
    return 'done';
  }

  async #connect(step: string): Promise<EventName> {
    await this.#patient(step, () => calls.short.ensureMigrationWorker(this.#call(step)));
    const { shape, names, database } = { ...this.#plannedNow, database: this.#change.database };
    this.#streams++;
    this.#pass++;
    this.#stream = await StreamChild.start(
      this.#run,
      {
        database,
        shape: { ...shape, key: [...shape.key], columns: [...shape.columns], reverse: [...shape.reverse] },
        names,
        mode: this.#mode,
        batchTarget: this.#change.backfill.chunkTarget,
        maxSlotWalBytes: this.#change.backfill.throttle.slotWalBytes ?? DEFAULT_WAL_BUDGET,
      },
      { step, number: this.#streams },
    );
    // A stream that has begun and cannot go on is as lost as one that was cut.
    const stream = this.#stream;
    await this.#withStream('proving', async () => {
      await this.#catchUp(step, { maxLagSeconds: 60, minStableSeconds: 0 });
      return 'done';
    });
    return stream.isAlive ? 'done' : 'streamLost';
  }

  /** Fills the table; a pause or another tuning ends the pass, and it goes on from its checkpoint. */
  async #fill(step: string): Promise<EventName> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a pause point
      await this.#run.checkpoint();
      const tunings = this.#tunings;
      const scope = new CancellationScope();
      let report: BackfillReport | undefined;
      let failure: { readonly error: unknown } | undefined;
      const fill = async (): Promise<void> => {
        try {
          report = await scope.run(() => this.#backfillOnce(step));
        } catch (error) {
          failure = { error };
        }
      };
      const filling = fill();
      try {
        // oxlint-disable-next-line no-await-in-loop -- one pass after the other
        await condition(
          () =>
            report !== undefined ||
            failure !== undefined ||
            this.#tunings !== tunings ||
            this.#run.status.pausedBy !== null,
        );
      } finally {
        scope.cancel();
        // oxlint-disable-next-line no-await-in-loop
        await CancellationScope.nonCancellable(() => filling);
      }
      if (report) {
        this.#backfill = report;
        this.#run
          .step(step)
          .progress(
            100,
            `${report.rows} rows at ${report.rowsPerSecond} rows/s; longest chunk ${report.longestChunkMs} ms`,
          );
        return 'done';
      }
      if (failure && !isCancellation(failure.error)) throw failure.error;
      if (this.#run.scope.consideredCancelled) throw failure?.error ?? new Error('cancelled without a word');
    }
  }

  #backfillOnce(step: string): Promise<BackfillReport> {
    const input = { ...this.#guarded(step), tuning: this.#tuning, pass: this.#pass };
    if (this.#partitions.length > 0) {
      return fillPartitions(this.#run, { input, partitions: this.#partitions, tunings: this.#tunings });
    }
    return this.#patient(step, () => calls.long.backfillTable({ ...input, partition: null }));
  }

  async #switchReads(step: string): Promise<EventName> {
    const { readFlag, rollout } = this.#change.switch;
    if (readFlag === undefined) return 'done';
    for (const percent of rollout) {
      this.#run.step(step).progress(percent === 100 ? 90 : percent, `${percent} %`);
      // oxlint-disable-next-line no-await-in-loop -- one step of the rollout after the other
      const flag = await this.#flip(step, 'read', () => calls.short.enableReadFlag({ ...this.#call(step), percent }));
      // oxlint-disable-next-line no-await-in-loop
      await this.#patient(step, () => calls.short.verifyReadParity({ ...this.#call(step), flag }));
      // oxlint-disable-next-line no-await-in-loop -- a pause point between two steps of the rollout
      await this.#run.checkpoint();
    }
    return 'done';
  }

  /** Sets a flag, waits until every service uses it, and until what began under the old one is over. */
  async #flip(step: string, which: 'read' | 'write', set: () => Promise<FlagSet>): Promise<FlagSet> {
    const { services, settle, readFlag, writeFlag } = this.#change.switch;
    if ((which === 'read' ? readFlag : writeFlag) === undefined) return { key: '', version: 0 };
    const flag = await this.#patient(step, set);
    this.#flags = { ...this.#flags, [which]: flag };
    if (services.length > 0)
      await this.#patient(step, () => calls.short.waitForServices({ ...this.#call(step), flag }));
    else await this.#run.waitFor({ kind: 'condition', name: 'settle' }, () => sleep(settle));
    // A reader decides nothing that stays.
    if (which === 'write') await this.#patient(step, () => calls.short.settle(this.#call(step)));
    return flag;
  }

  /** Turns the stream to what the machine says, and waits until it has applied something that way. */
  async #turn(step: string): Promise<void> {
    this.#proofs = 0;
    await this.#stream?.turn(this.#mode);
    await this.#catchUp(step, { maxLagSeconds: 60, minStableSeconds: 0 });
  }

  async #catchUp(
    step: string,
    times: { readonly maxLagSeconds: number; readonly minStableSeconds: number },
  ): Promise<void> {
    const { stableSince } = await this.#patient(step, () =>
      calls.long.waitForCatchup({ ...this.#guarded(step), mode: this.#mode, ...times }),
    );
    this.#stableSince = stableSince;
  }

  get #closely(): { readonly maxLagSeconds: number; readonly minStableSeconds: number } {
    const { maxLagSeconds, minStableSeconds } = this.#change.gates;
    return {
      maxLagSeconds: Math.min(SWITCH_LAG_SECONDS, maxLagSeconds),
      minStableSeconds: Math.min(SWITCH_STABLE_SECONDS, minStableSeconds),
    };
  }

  /** Parity over all rows; what differs is derived again, once. @throws ParityMismatch */
  async #prove(step: string): Promise<ParityProof> {
    let proof = await this.#proof(step);
    if (proof.differing > 0) {
      this.#run.warn(`${proof.differing} of ${proof.rows} rows differed and are derived again`);
      await this.#patient(step, () => calls.long.mendRows({ ...this.#guarded(step), mode: this.#mode }));
      proof = await this.#proof(step);
    }
    if (proof.differing === 0) return proof;
    throw fail(
      'ParityMismatch',
      `${proof.differing} of ${proof.rows} rows differ, first: ${proof.keys[0]?.join('/') ?? ''}`,
      proof,
    );
  }

  async #proof(step: string): Promise<ParityProof> {
    const proof = await this.#patient(step, () => calls.long.proveParity({ ...this.#guarded(step), mode: this.#mode }));
    this.#parity.push(proof);
    this.#proofs = proof.differing === 0 ? this.#proofs + 1 : 0;
    return proof;
  }

  // --- gates ---

  /** Shows a gate what is seen, proves parity again and again, and waits until people have decided. */
  async #gate(name: GateName, step: string): Promise<EventName> {
    const gate = this.#run.gates.watch({
      gate: name,
      title:
        name === 'cutover' ? `Switch ${titleOf(this.#change)}` : `Drop ${this.#change.drop.join(', ') || 'nothing'}`,
      policy: this.#change.approvals[name],
      step,
    });
    const view = new GateView(gate, { name, planDigest: this.planDigest, lines: this.#gateLines(name) });
    for (;;) {
      const scope = new CancellationScope();
      const watching = scope.run(() => this.#watch(name, step, view));
      const proving = scope.run(() => this.#keepProving(step));
      try {
        // oxlint-disable-next-line no-await-in-loop -- one decision after the other
        await Promise.race([gate.decided(), watching, proving]);
      } finally {
        scope.cancel();
        // oxlint-disable-next-line no-await-in-loop
        await CancellationScope.nonCancellable(() => Promise.allSettled([watching, proving]));
      }
      // What people saw may be a moment old: what counts is what is so now.
      // oxlint-disable-next-line no-await-in-loop
      const last = await this.#observe(name, step, { known: [], waitMs: 0, restMs: 0 });
      if (gateHolds(last.conditions)) return 'approved';
      view.show(last.conditions, this.#lastProof);
      this.#run.warn(`gate ${name} was approved, and closed again before the next step: the decision is void`);
    }
  }

  async #watch(name: GateName, step: string, view: GateView): Promise<never> {
    const openedAt = Date.now();
    let known: readonly string[] = [];
    for (;;) {
      const times = known.length === 0 ? { waitMs: 0, restMs: 0 } : lookTimes(Date.now() - openedAt);
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const seen = await this.#observe(name, step, { known: [...known], ...times });
      known = statesOf(seen);
      view.show(seen.conditions, this.#lastProof);
    }
  }

  async #observe(gate: GateName, step: string, how: Pick<GateInput, 'known' | 'waitMs' | 'restMs'>) {
    const seen = await this.#patient(step, () =>
      calls.short.observeGate({
        ...this.#guarded(step),
        gate,
        mode: this.#mode,
        proof: this.#lastProof,
        proofs: this.#proofs,
        stableSince: this.#stableSince,
        coolingSince: this.#coolingSince,
        flags: this.#flags,
        ...how,
      }),
    );
    this.#stableSince = seen.stableSince;
    return seen;
  }

  /** Proves parity while a gate waits: at once for the second time, then before the last proof gets old. */
  async #keepProving(step: string): Promise<never> {
    for (;;) {
      if (this.#proofs >= 2) {
        const last = this.#lastProof;
        const took = last ? Date.parse(last.endedAt) - Date.parse(last.startedAt) : 0;
        const limit = Math.max(300_000, 2_000 * this.#change.gates.minStableSeconds, 3 * took);
        // oxlint-disable-next-line no-await-in-loop -- the pause between two proofs
        await sleep(limit / 2);
      }
      // oxlint-disable-next-line no-await-in-loop -- one proof after the other
      await this.#prove(step);
    }
  }

  get #lastProof(): ParityProof | null {
    return this.#parity.at(-1) ?? null;
  }

  #gateLines(name: GateName): readonly string[] {
    const { readFlag, writeFlag, rollout, services } = this.#change.switch;
    const after =
      name === 'cutover'
        ? [
            readFlag === undefined ? 'no read flag' : `then ${readFlag} goes to ${rollout.join(', ')} %`,
            writeFlag === undefined ? 'no write flag' : `then ${writeFlag} goes to both, and to new`,
            services.length === 0 ? 'no service acknowledges' : `${services.join(', ')} acknowledge each step`,
          ]
        : [`then ${this.#change.drop.join(', ') || 'nothing'} is dropped: the point of no return`];
    return [titleOf(this.#change), `plan ${this.planDigest}`, ...after];
  }

  // --- the way back ---

  async #aborting(): Promise<MachineEvent> {
    const { actions } = this.abortPreview;
    const parts: UndoParts = {
      run: this.#run,
      change: this.#change,
      actions,
      flags: () => this.#flags,
      call: this.#planned ? this.#call(ABORT_STEP) : undefined,
      relaxed: this.#relaxed,
      flip: (which, set) => this.#flip(ABORT_STEP, which, set),
      carryBack: () => this.#carryBack(),
      forwardAgain: () => this.#forwardAgain(),
      stopStream: async () => {
        await this.#stream?.stop();
        if (this.#stream?.failure)
          throw fail('CompensationFailed', `the stream could not end: ${this.#stream.failure.message}`);
      },
    };
    const report = await this.#run.inStep(ABORT_STEP, () => undo(parts), {
      title: 'Undo',
      attempt: this.#attemptOf(ABORT_STEP),
    });
    if (report.failures.length > 0) {
      this.#failure = { code: 'CompensationFailed', message: report.failures.join('; '), details: report };
      return { event: 'failed', detail: this.#failure.message };
    }
    const { aborted } = this.#run;
    const reason = this.#machine.state === 'aborting' ? this.#machine.reason : '';
    this.#ending ??=
      aborted || this.#run.scope.consideredCancelled
        ? fail('Aborted', `${reason}; undone: ${report.done.join(', ') || 'nothing had been made'}`, {
            by: aborted?.by ?? 'a cancel',
            reason: aborted?.reason ?? '',
            undone: report.done,
            report: this.report,
          })
        : fail('Aborted', reason, { undone: report.done, report: this.report });
    return { event: 'done' };
  }

  /** Makes the old columns hold what was written meanwhile. Where the stream is gone, another one is made for it. */
  async #carryBack(): Promise<void> {
    const mode: StreamMode = { direction: 'reverse', relation: 'consistent' };
    if (this.#stream && !this.#stream.isAlive) await this.#restartStream(mode);
    const step = ABORT_STEP;
    await this.#patient(step, () =>
      calls.long.waitForCatchup({ ...this.#guarded(step), mode, maxLagSeconds: 60, minStableSeconds: 0 }),
    );
    await this.#patient(step, () => calls.long.mendRows({ ...this.#guarded(step), mode }));
    const proof = await this.#patient(step, () => calls.long.proveParity({ ...this.#guarded(step), mode }));
    this.#parity.push(proof);
    if (proof.differing > 0) throw fail('ParityMismatch', `${proof.differing} rows could not be carried back`, proof);
  }

  /** Before writers write the old shape alone again: a stream in reverse would put it back to what the new one holds. */
  async #forwardAgain(): Promise<void> {
    const mode: StreamMode = { direction: 'forward', relation: 'consistent' };
    if (!this.#stream?.isAlive || this.#stream.mode.direction === 'forward') return;
    await this.#stream.turn(mode);
    const step = ABORT_STEP;
    await this.#patient(step, () =>
      calls.long.waitForCatchup({ ...this.#guarded(step), mode, maxLagSeconds: 60, minStableSeconds: 0 }),
    );
  }

  async #restartStream(mode: StreamMode): Promise<void> {
    const { shape, names } = this.#plannedNow;
    this.#streams++;
    this.#stream = await StreamChild.start(
      this.#run,
      {
        database: this.#change.database,
        shape: { ...shape, key: [...shape.key], columns: [...shape.columns], reverse: [...shape.reverse] },
        names,
        mode,
        batchTarget: this.#change.backfill.chunkTarget,
        maxSlotWalBytes: this.#change.backfill.throttle.slotWalBytes ?? DEFAULT_WAL_BUDGET,
      },
      { step: ABORT_STEP, number: this.#streams },
    );
  }

  // --- what the work is made of ---

  async #takeLock(step: string): Promise<void> {
    const { lock, isAcquired } = await calls.long.lockTable({ ...this.#call(step), waits: false });
    this.#lock = lock;
    if (isAcquired) return;
    await this.#run.waitFor({ kind: 'lock', name: lock }, () =>
      calls.long.lockTable({ ...this.#call(step), waits: true }),
    );
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock;
    if (lock === undefined) return;
    this.#lock = undefined;
    await calls.quick.unlockTable({ ref: this.#run.ref, lock });
  }

  #patient<T>(step: string, work: () => Promise<T>): Promise<T> {
    return patiently(this.#run, step, DURING_THE_CHANGE, work);
  }

  get #plannedNow(): Plan {
    if (!this.#planned) throw new Error('the plan comes first');
    return this.#planned;
  }

  get #mode(): StreamMode {
    return streamMode(this.#machine) ?? { direction: 'forward', relation: 'derived' };
  }

  get #relaxed(): readonly string[] {
    const { catalog } = this.#planned ?? {};
    return catalog ? this.#change.drop.filter((name) => columnOf(catalog, name)?.notNull) : [];
  }

  get #partitions(): readonly TableName[] {
    return this.#planned?.catalog.table?.partitions ?? [];
  }

  #call(step: string): ChangeCall {
    const { shape, names } = this.#plannedNow;
    return { ref: this.#run.ref, step, change: this.#change, shape, names };
  }

  #guarded(step: string): Guarded {
    return { ...this.#call(step), definition: this.#definition };
  }
}

const DEFAULT_WAL_BUDGET = 4 * 1024 ** 3;

const STATES = Object.keys(STEP_OF) as Reached[];
const PHASE_STATES = Object.fromEntries(
  PHASES.map((phase) => [phase, new Set(STATES.filter((state) => phaseOf({ state, reached: state }) === phase))]),
) as Record<(typeof PHASES)[number], Set<Reached>>;

function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

void STEPS;

import type { SchemaChangeResult, SCHEMA_CHANGE_UPDATES } from '@switchyard/contracts';
import {
  abortPlan,
  canAbort,
  phaseOf,
  streamMode,
  transition,
  type AbortPlan,
  type Change,
  type EventName,
  type Machine,
  type MachineEvent,
  type WorkState,
} from '@switchyard/schema-change';
import { fail, failureOf, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { z } from 'zod';
import { Changing } from './changing.js';
import { eventOf } from './failures.js';
import { reportOf } from './report.js';
import { ABORT_STEP, STEP_OF } from './steps.js';
import { releaseLock } from './work/expand.js';
import { WORK } from './work/states.js';
import { undo } from './work/undo.js';

/** States whose work neither an abort nor a cancel interrupts: undoing, and what can no longer be undone. */
const UNDISTURBED: ReadonlySet<string> = new Set(['aborting', 'dropping', 'cleaning']);

/**
 * One schema change: interprets the machine of `@switchyard/schema-change`. Each state has its work in `work/`; what the
 * work came to is an event, and the table says where the run goes on.
 */
export class ChangeRun {
  readonly #run: Run;
  readonly #changing: Changing;
  #failure: CodedFailure | undefined;

  constructor(run: Run, change: Change) {
    this.#run = run;
    this.#changing = new Changing(run, change);
  }

  get report(): SchemaChangeResult {
    return reportOf(this.#changing);
  }

  get plan(): Changing['plan'] {
    return this.#changing.plan;
  }

  /** What an abort would do now. */
  get abortPreview(): AbortPlan {
    const { machine, change, planned } = this.#changing;
    if (planned) return abortPlan(machine, change, planned.catalog);
    return { possible: canAbort(machine), refusal: '', actions: [], restored: [], lost: [] };
  }

  /** Changes how hard the backfill presses; one that runs goes on from its checkpoint with it. */
  tune({ chunkTarget, throttle }: z.output<(typeof SCHEMA_CHANGE_UPDATES)['tune']>): void {
    const { tuning } = this.#changing;
    this.#changing.tuning = {
      chunkTargetMs: chunkTarget ?? tuning.chunkTargetMs,
      throttle: { ...tuning.throttle, ...defined(throttle ?? {}) },
    };
    this.#changing.tunings++;
  }

  /** Lives until the machine has come to an end. */
  async live(): Promise<SchemaChangeResult> {
    const changing = this.#changing;
    try {
      while ('reached' in changing.machine) {
        // oxlint-disable-next-line no-await-in-loop -- one state after the other
        this.#take(await this.#work(changing.machine));
      }
    } finally {
      await CancellationScope.nonCancellable(() => releaseLock(changing));
    }
    const { machine } = changing;
    if (machine.state === 'completed') return this.report;
    throw changing.ending ?? fail('Aborted', machine.reason, { report: this.report });
  }

  #take(event: MachineEvent): void {
    const before = this.#changing.machine.state;
    const moved = transition(this.#changing.machine, event);
    if (moved.kind !== 'moved') {
      this.#run.warn(`${event.event} had no effect while ${before}: ${moved.why}`);
      return;
    }
    const { machine } = moved;
    this.#changing.machine = machine;
    this.#run.phase(phaseOf(machine));
    this.#run.event({
      source: 'schema-change',
      type: 'state',
      level: ['held', 'aborting'].includes(machine.state) ? 'warning' : 'info',
      message: `${before} → ${machine.state}${event.detail ? `: ${event.detail}` : ''}`,
      data: { event: event.event, before, after: machine.state },
    });
  }

  /** Does the work of a state; gives what came of it. Never throws but for defects. */
  async #work(machine: Extract<Machine, { reached: unknown }>): Promise<MachineEvent> {
    const { state } = machine;
    if (state === 'held') return this.#held(machine);
    if (state === 'dropping' && !this.#run.scope.consideredCancelled) {
      // No abort can come between this line and the work.
      this.#run.pointOfNoReturn(`${this.#changing.change.drop.join(', ') || 'the old shape'} is being dropped`);
    } else if (state !== 'aborting' && state !== 'cleaning' && this.#run.scope.consideredCancelled) {
      return this.#abort();
    }
    const work = (): Promise<MachineEvent> => this.#inState(state);
    try {
      return await (UNDISTURBED.has(state) ? CancellationScope.nonCancellable(work) : work());
    } catch (error) {
      if (isCancellation(error) && this.#run.scope.consideredCancelled) return this.#abort();
      return this.#failed(error);
    }
  }

  #abort(): MachineEvent {
    const { aborted } = this.#run;
    this.#run.board.change({ state: 'compensating' });
    return {
      event: 'abort',
      detail: aborted ? `${aborted.by} aborted${aborted.reason ? `: ${aborted.reason}` : ''}` : 'cancelled',
    };
  }

  #failed(error: unknown): MachineEvent {
    const failure = failureOf(error);
    this.#failure = failure;
    const event = eventOf(failure);
    if (event === 'rejected') {
      this.#changing.ending = fail(failure.code, failure.message, failure.details);
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
      if (isCancellation(error) && this.#run.scope.consideredCancelled) return this.#abort();
      throw error;
    }
  }

  /** The work of one state, as a step of the status, watched over by the stream where there is one. */
  async #inState(state: WorkState): Promise<MachineEvent> {
    if (state === 'aborting') return this.#undo();
    const step = STEP_OF[state];
    if (!UNDISTURBED.has(state)) await this.#run.checkpoint();
    const work = (): Promise<EventName> => WORK[state](this.#changing, step);
    // Connecting makes the stream, and looks after it itself.
    const needsStream = state !== 'connecting' && streamMode(this.#changing.machine) !== null;
    const event = await this.#run.inStep(step, () => (needsStream ? this.#changing.withStream(work) : work()), {
      attempt: this.#attemptOf(step),
    });
    return { event, detail: this.#changing.ending?.message ?? '' };
  }

  #attemptOf(step: string): number {
    const known = this.#run.board.status.steps.find(({ id }) => id === step);
    return (known?.attempt ?? 0) + 1;
  }

  async #undo(): Promise<MachineEvent> {
    const changing = this.#changing;
    const undone = await this.#run.inStep(ABORT_STEP, () => undo(changing), {
      title: 'Undo',
      attempt: this.#attemptOf(ABORT_STEP),
    });
    if (undone.failures.length > 0) {
      this.#failure = { code: 'CompensationFailed', message: undone.failures.join('; '), details: undone };
      return { event: 'failed', detail: this.#failure.message };
    }
    const { aborted } = this.#run;
    const reason = changing.machine.state === 'aborting' ? changing.machine.reason : '';
    changing.ending ??= fail('Aborted', `${reason}; undone: ${undone.done.join(', ') || 'nothing had been made'}`, {
      ...(aborted ? { by: aborted.by, reason: aborted.reason } : {}),
      undone: undone.done,
      report: this.report,
    });
    return { event: 'done' };
  }
}

function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

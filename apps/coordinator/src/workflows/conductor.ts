import { FAILURES, type Runbook, type RunbookResult, type RunbookStep, type StepResult } from '@switchyard/contracts';
import {
  ancestorsOf,
  evaluateCondition,
  isFinished,
  newSchedule,
  nextSteps,
  planOf,
  settled,
  started,
  stopped,
  usesItem,
  type Schedule,
  type Scope,
  type Settled,
  type StepView,
} from '@switchyard/runbook';
import { digestOf, fail, type CodedFailure, type HoldDecision, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { planUndo, undoAll, type UndoOutcome } from './compensation.js';
import type { ItemResult } from './items/aggregate.js';
import { runStep, type StepContext } from './run-step.js';
import { stepFailureOf } from './step-failure.js';

/** Interprets a runbook: the pure schedule says what may start, this starts it and tells the schedule what came of it. */
export class Conductor {
  readonly #run: Run;
  readonly #runbook: Runbook;
  readonly #inputs: Readonly<Record<string, unknown>>;
  readonly #digest: string;
  readonly #ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #results = new Map<string, StepResult>();
  readonly #goodItems = new Map<string, readonly ItemResult[]>();
  readonly #undone: UndoOutcome[] = [];
  #schedule: Schedule;
  #ended = 0;
  #mustUndo = false;
  #failure: { readonly step: string; readonly failure: CodedFailure } | undefined;
  /** A defect of this code, or the cancellation of the run: thrown on once every step has come to rest. */
  #broken: unknown;

  constructor(run: Run, runbook: Runbook, inputs: Readonly<Record<string, unknown>>) {
    this.#run = run;
    this.#runbook = runbook;
    this.#inputs = inputs;
    this.#digest = digestOf(runbook);
    this.#ancestors = ancestorsOf(runbook.steps);
    this.#schedule = newSchedule(planOf(runbook.steps));
  }

  async conduct(): Promise<RunbookResult> {
    const compensates = this.#runbook.onFailure === 'compensate';
    try {
      await this.#runAll();
    } catch (error) {
      if (!isCancellation(error)) throw error;
      if (compensates) await this.#compensate();
      throw this.#abortedFailure() ?? error;
    }
    if (!this.#failure) return this.#result();
    const { step, failure } = this.#failure;
    if (this.#mustUndo) await this.#compensate();
    throw this.#endingOf(step, failure);
  }

  async #runAll(): Promise<void> {
    const running = new Set<Promise<void>>();
    try {
      while (!isFinished(this.#schedule)) {
        const decisions = nextSteps(this.#schedule);
        for (const decision of decisions) {
          if (decision.action === 'skip') this.#skip(decision.id, decision.blockedBy, decision.reason);
          else {
            this.#schedule = started(this.#schedule, decision.id);
            running.add(this.#begin(this.#stepOf(decision.id)));
          }
        }
        if (decisions.length > 0) continue;
        const seen = this.#ended;
        await condition(() => this.#ended > seen);
        if (this.#broken !== undefined) throw this.#broken;
      }
      if (this.#broken !== undefined) throw this.#broken;
    } finally {
      // Compensation and the end of the run come only after every step under way is at rest.
      await CancellationScope.nonCancellable(() => Promise.all(running));
    }
  }

  /** Never rejects: what came of the step is told to the schedule, and what must be thrown on is kept. */
  async #begin(step: RunbookStep): Promise<void> {
    try {
      await this.#work(step);
    } catch (error) {
      this.#broken ??= error;
      if (!isCancellation(error)) return;
      const cancelled = this.#cancelledError();
      this.#run.step(step.id).failed(cancelled.message);
      this.#settle(step.id, 'failed', { result: null, error: cancelled });
    } finally {
      this.#ended += 1;
    }
  }

  async #work(step: RunbookStep): Promise<void> {
    await this.#run.checkpoint();
    const scope = this.#scopeOf(step);
    let held = 0;
    let again: HoldDecision | undefined;
    for (;;) {
      let failure: CodedFailure;
      let result: unknown = null;
      try {
        if (
          step.when !== undefined &&
          !usesItem(step.when) &&
          !evaluateCondition(step.when, scope, `step "${step.id}", when`)
        ) {
          return this.#skip(step.id, [], 'its condition is false');
        }
        const outcome = await runStep(this.#contextOf(scope, held, again), step);
        if (!outcome.failure) return this.#succeed(step, outcome.result);
        ({ failure, result } = outcome);
      } catch (error) {
        failure = stepFailureOf(error);
      }
      if (step.uses === 'notify' && step.onFailure === undefined) return this.#warnOnly(step, failure);
      if (this.#policyOf(step.id) !== 'hold') return this.#fail(step, failure, result);
      again = await this.#run.hold(step.id, failure);
      if (again.action === 'skip') return this.#skip(step.id, [], `skipped by a person after ${failure.code}`);
      held += 1;
    }
  }

  #contextOf(scope: Scope, held: number, again: HoldDecision | undefined): StepContext {
    const path = this.#run.ref.workflowId;
    return {
      run: this.#run,
      scope,
      runbookDigest: this.#digest,
      path,
      held,
      again,
      goodItems: this.#goodItems,
      stopsAtFailure: (step) => this.#policyOf(step.id) !== 'continue',
      beforeEffect: (step, items) =>
        planUndo(this.#run, step, {
          items,
          scope: () => this.#scopeOf(step, true),
          path,
          onOutcome: (outcome) => this.#noteUndone(outcome),
        }),
    };
  }

  #succeed(step: RunbookStep, result: unknown): void {
    this.#run.step(step.id).done();
    this.#settle(step.id, 'successful', { result });
  }

  #warnOnly(step: RunbookStep, failure: CodedFailure): void {
    const warning = `step "${step.id}" could not tell anybody: ${failure.message}`;
    this.#run.warn(warning);
    this.#succeed(step, { delivered: false, warning });
  }

  #fail(step: RunbookStep, failure: CodedFailure, result: unknown): void {
    const { code, message } = failure;
    this.#run.step(step.id).failed(`${code}: ${message}`);
    this.#settle(step.id, 'failed', { result: result ?? null, error: { code, message } });
    if (this.#policyOf(step.id) === 'continue')
      return this.#run.warn(`step "${step.id}" failed, and the run went on: ${message}`);
    this.#mustUndo ||= this.#policyOf(step.id) === 'compensate';
    this.#failure ??= { step: step.id, failure };
    this.#schedule = stopped(this.#schedule, step.id);
  }

  #skip(id: string, blockedBy: readonly string[], reason: string): void {
    this.#run.step(id).skipped(reason);
    this.#settle(id, 'skipped', { result: null }, blockedBy);
  }

  #settle(
    id: string,
    outcome: Settled['outcome'],
    rest: Omit<StepResult, 'outcome'>,
    blockedBy: readonly string[] = [],
  ): void {
    this.#results.set(id, { outcome, ...rest });
    this.#schedule = settled(this.#schedule, id, { outcome, blockedBy });
  }

  async #compensate(): Promise<void> {
    this.#run.board.change({ state: 'compensating' });
    this.#run.phase('compensating');
    await undoAll(this.#run);
  }

  #noteUndone(outcome: UndoOutcome): void {
    this.#undone.push(outcome);
    const { step, error } = outcome;
    const known = this.#results.get(step);
    if (error) return this.#run.warn(`step "${step}" could not be undone: ${error.code}: ${error.message}`);
    if (known?.outcome !== 'successful') return;
    this.#results.set(step, { ...known, outcome: 'compensated' });
    this.#run.step(step).compensated();
  }

  #result(): RunbookResult {
    const steps = this.#runbook.steps.map(({ id }): [string, StepResult] => [
      id,
      this.#results.get(id) ?? { outcome: 'skipped', result: null },
    ]);
    return {
      runId: this.#run.ref.runId,
      steps: Object.fromEntries(steps),
      warnings: [...this.#run.status.warnings],
      durationMs: this.#run.elapsedMs(),
    };
  }

  #details(): RunbookResult & { readonly compensation: readonly UndoOutcome[] } {
    return { ...this.#result(), compensation: this.#undone };
  }

  #endingOf(step: string, { code, message }: CodedFailure): Error {
    const broken = this.#undone.filter((one) => one.error);
    const what = `step "${step}": ${message}`;
    if (broken.length === 0) return fail(code, what, this.#details());
    const steps = broken.map((one) => `"${one.step}"`).join(', ');
    return fail(
      'CompensationFailed',
      `${what}; and ${steps} could not be undone: ${FAILURES.CompensationFailed.wayOut}`,
      {
        ...this.#details(),
        cause: { step, code, message },
      },
    );
  }

  #abortedFailure(): Error | undefined {
    const ending = this.#run.aborted;
    if (!ending) return undefined;
    const { by, reason } = ending;
    return fail('Aborted', `${by} aborted the run${reason ? `: ${reason}` : ''}`, { by, reason, ...this.#details() });
  }

  #cancelledError(): { code: string; message: string } {
    const ending = this.#run.aborted;
    return ending
      ? { code: 'Aborted', message: `aborted by ${ending.by}` }
      : { code: 'Cancelled', message: 'cancelled' };
  }

  #policyOf(id: string): 'fail' | 'continue' | 'hold' | 'compensate' {
    return this.#stepOf(id).onFailure ?? this.#runbook.onFailure;
  }

  #stepOf(id: string): RunbookStep {
    const step = this.#runbook.steps.find((one) => one.id === id);
    if (!step) throw new Error(`the schedule names a step that the runbook does not have: ${id}`);
    return step;
  }

  /** What the expressions of a step see: the steps before it, and for its undoing itself too. */
  #scopeOf(step: RunbookStep, withItself = false): Scope {
    const visible = [...(this.#ancestors.get(step.id) ?? []), ...(withItself ? [step.id] : [])];
    const views = visible.flatMap((id): [string, StepView][] => {
      const known = this.#results.get(id);
      return known ? [[id, { outcome: known.outcome, result: known.result ?? null, error: known.error ?? null }]] : [];
    });
    return { inputs: this.#inputs, steps: Object.fromEntries(views), run: { id: this.#run.ref.runId } };
  }
}

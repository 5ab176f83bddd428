import {
  MEMO,
  SEARCH_ATTRIBUTES,
  UNAUTHENTICATED,
  type ChildReport,
  type Decision,
  type DecisionRecord,
  type NewEventInput,
  type ProgressReport,
  type RunActivities,
  type RunRef,
  type RunStatus,
  type Sender,
  type StepStatus,
  type WaitingFor,
} from '@switchyard/contracts';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { activities } from './activities.js';
import { Board, effectiveWaiting, renderStatus } from './board.js';
import { failureOf, type CodedFailure } from './failure.js';
import { Gatekeeper, type ApprovalRequest } from './gatekeeper.js';
import { ParentReports, type ReportTo } from './parent-reports.js';
import { Recorder } from './recorder.js';
import { StepHandle } from './step-handle.js';
import { UndoStack } from './undo.js';

const attribute = {
  kind: defineSearchAttributeKey(SEARCH_ATTRIBUTES.kind, SearchAttributeType.KEYWORD),
  target: defineSearchAttributeKey(SEARCH_ATTRIBUTES.target, SearchAttributeType.KEYWORD),
  phase: defineSearchAttributeKey(SEARCH_ATTRIBUTES.phase, SearchAttributeType.KEYWORD),
  waiting: defineSearchAttributeKey(SEARCH_ATTRIBUTES.waiting, SearchAttributeType.KEYWORD),
} as const;

/** What a person decided about a held step. */
export interface HoldDecision {
  readonly action: 'retry' | 'skip';
  readonly hosts?: 'failed' | readonly string[];
}

interface Held {
  readonly isSkippable: boolean;
  decision: HoldDecision | null;
}

interface Ending {
  readonly by: string;
  readonly reason: string;
}

/** What a run takes along when it continues as new. Gates, held steps, compensations and signals are not in it. */
export interface CarriedRun {
  readonly status: RunStatus;
}

/** What a workflow says of itself before it works. */
export interface RunDescription {
  readonly title: string;
  /** What the run changes: a playbook, stack, database or runbook. A search attribute, so never a secret. */
  readonly target: string;
  readonly steps?: readonly { readonly id: string; readonly title: string }[];
}

/** How a step is shown to a sender: `identity` or the mark of an unauthenticated one. */
export function nameOf(sender: Sender | undefined): { by: string; channel: string } {
  return sender ? { by: sender.identity, channel: sender.channel } : { by: UNAUTHENTICATED, channel: 'temporal' };
}

/**
 * One run inside its workflow: status, gates, pause points, held steps, compensations and events.
 * Made by `runWorkflow`, which also wires the messages to it.
 */
export class Run {
  readonly ref: RunRef;
  readonly kind: string;
  readonly startedAt: Date;
  readonly startedBy: string | undefined;
  readonly undo = new UndoStack();
  readonly board: Board;
  readonly recorder: Recorder;
  readonly gates: Gatekeeper = new Gatekeeper(this);
  /** Whether this run holds locks of its own; see `withLocks`. */
  holdsLocks = false;
  /** The scope that an abort cancels; set by `runWorkflow`. */
  readonly scope = new CancellationScope();
  /** Signals that no gate took, by name, oldest first: `wait` steps read them. */
  readonly signals = new Map<string, unknown[]>();
  readonly #record: Pick<RunActivities, 'recordDecision'>;
  readonly #held = new Map<string, Held>();
  readonly #parent: ParentReports | undefined;
  #waits: readonly WaitingFor[] = [];
  /** What activities said that their steps wait for, by step. */
  readonly #stepWaits = new Map<string, WaitingFor>();
  #decisions = 0;
  #aborted: Ending | undefined;
  #irreversible: string | undefined;
  #reported = 'null';

  constructor(kind: string, carried?: CarriedRun) {
    const info = workflowInfo();
    this.kind = kind;
    this.startedAt = carried === undefined ? new Date() : new Date(carried.status.startedAt);
    this.ref = {
      runId: info.root?.workflowId ?? info.workflowId,
      workflowId: info.workflowId,
      executionId: info.firstExecutionRunId,
    };
    this.startedBy = info.memo?.[MEMO.startedBy] as string | undefined;
    const reportTo = info.memo?.[MEMO.reportTo] as ReportTo | undefined;
    this.#parent = reportTo && new ParentReports(reportTo);
    // Local: no trip over the server, which a short run would notice at its end. Safe to repeat, by the keys of the events.
    const events = proxyLocalActivities<Pick<RunActivities, 'recordRunEvents'>>({
      startToCloseTimeout: 10_000,
      scheduleToCloseTimeout: 10 * 60_000,
      retry: { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 },
    });
    this.#record = activities<Pick<RunActivities, 'recordDecision'>>({
      startToClose: 10_000,
      heartbeat: false,
      attempts: Infinity,
    });
    // Of this execution, not of the first one: a run that continues as new counts from the start again.
    this.recorder = new Recorder(events, info.runId);
    this.board = new Board({
      kind,
      runId: this.ref.runId,
      now: () => new Date(),
      onChange: (status) => this.#changed(status),
      ...(carried === undefined ? {} : { carried: carried.status }),
    });
  }

  get status(): RunStatus {
    const status = this.board.status;
    return { ...status, waitingFor: effectiveWaiting(status), state: this.#visibleState(status) };
  }

  get isPaused(): boolean {
    return this.board.status.pausedBy !== null;
  }

  get aborted(): Ending | undefined {
    return this.#aborted;
  }

  elapsedMs(): number {
    return Date.now() - this.startedAt.getTime();
  }

  describe(description: RunDescription): void {
    const { title, target, steps = [] } = description;
    this.board.change({
      title,
      phase: 'running',
      steps: steps.map((step): StepStatus => ({ id: step.id, title: step.title, state: 'pending', attempt: 0 })),
    });
    this.#nameTarget(target);
    this.event({
      source: 'run',
      type: 'run_started',
      message: title,
      data: { kind: this.kind, target, startedBy: this.startedBy ?? null },
    });
  }

  /** In place of {@link describe} in an execution that goes on with a carried status: nothing is told a second time. */
  goOn(target: string): void {
    // What the execution before showed as its wait may still be shown.
    this.#reported = 'unknown';
    this.board.change({});
    this.#nameTarget(target);
  }

  /** What the next execution needs to go on as this run. */
  carry(): CarriedRun {
    return { status: { ...this.board.status, waitingFor: null } };
  }

  /** Resolves when everything that this execution has to tell is told: its events, and its parent. */
  async settle(): Promise<void> {
    await this.recorder.drain();
    await this.#parent?.drain();
  }

  phase(name: string): void {
    if (this.board.status.phase === name) return;
    this.board.change({ phase: name });
    upsertSearchAttributes([{ key: attribute.phase, value: name }]);
  }

  warn(message: string): void {
    this.board.warn(message);
    this.event({ source: 'run', type: 'warning', level: 'warning', message });
  }

  /** Queues an event of this run; it is stored in the background. */
  event(event: Omit<NewEventInput, 'runId' | 'workflowId' | 'at'>): void {
    this.recorder.add({
      ...event,
      runId: this.ref.runId,
      workflowId: this.ref.workflowId,
      at: new Date().toISOString(),
    });
  }

  /** The handle of one step. A step that was not described is added at the end. */
  step(id: string): StepHandle {
    return new StepHandle(this, id);
  }

  /** Runs `work` as a step: running, then done, or failed with the message of its failure. */
  async inStep<T>(id: string, work: () => Promise<T>, options: { title?: string; attempt?: number } = {}): Promise<T> {
    const step = this.step(id);
    if (options.title !== undefined) this.board.step(id, { title: options.title });
    step.start(undefined, options.attempt);
    try {
      const result = await work();
      step.done();
      return result;
    } catch (error) {
      step.failed(
        isCancellation(error)
          ? this.#aborted
            ? `aborted by ${this.#aborted.by}`
            : 'cancelled'
          : failureOf(error).message,
      );
      throw error;
    } finally {
      // An activity that was lost while it waited has nobody left to say that the wait is over.
      if (this.#stepWaits.delete(id)) this.#setWaits(this.#waits);
    }
  }

  /** A pause point: returns at once, or when a paused run is resumed. */
  async checkpoint(): Promise<void> {
    if (this.board.status.pausedBy === null) return;
    await this.waitFor({ kind: 'person', name: 'resume' }, () => condition(() => this.board.status.pausedBy === null));
  }

  /** Shows what the run waits for while `wait` is under way; of several waits at once the oldest is shown. */
  async waitFor<T>(reason: Omit<WaitingFor, 'since'>, wait: () => Promise<T>): Promise<T> {
    const waiting: WaitingFor = { ...reason, since: new Date().toISOString() };
    this.#setWaits([...this.#waits, waiting]);
    try {
      return await wait();
    } finally {
      this.#setWaits(this.#waits.filter((other) => other !== waiting));
    }
  }

  /**
   * Opens a gate and waits for people.
   * @returns the decisions that closed it
   * @throws ApprovalRejected, ApprovalExpired
   */
  approval(request: ApprovalRequest): Promise<readonly Decision[]> {
    return this.gates.approval(request);
  }

  /**
   * Parks a failed step until a person says retry, skip or abort.
   * @param options.isSkippable default true; false where what follows rests on the step
   */
  async hold(
    stepId: string,
    failure: CodedFailure,
    { isSkippable = true }: { readonly isSkippable?: boolean } = {},
  ): Promise<HoldDecision> {
    const held: Held = { isSkippable, decision: null };
    this.#held.set(stepId, held);
    this.step(stepId).waiting(`held: ${failure.message}`);
    this.event({
      source: 'step',
      type: 'step_held',
      level: 'warning',
      message: failure.message,
      step: stepId,
      data: { code: failure.code },
    });
    try {
      await this.waitFor({ kind: 'person', name: stepId }, () => condition(() => held.decision !== null));
      return held.decision ?? { action: 'retry' };
    } finally {
      this.#held.delete(stepId);
    }
  }

  /** From here on an abort is refused with this reason. */
  pointOfNoReturn(reason: string): void {
    this.#irreversible = reason;
  }

  /** Shows a child that works for a step; what it is known to wait for stays. */
  child(stepId: string, child: { workflowId: string; type: string }): void {
    const known = this.#childrenOf(stepId);
    const waitingFor = known.find((candidate) => candidate.workflowId === child.workflowId)?.waitingFor ?? null;
    this.#showChild(stepId, { ...child, waitingFor });
  }

  // --- messages; called by the handlers that `runWorkflow` registers ---

  /** Writes to the audit; resolves when it is stored. */
  async audit(subject: string, decision: Omit<Decision, 'decision'> & { decision: string }): Promise<void> {
    const record: DecisionRecord = {
      ...decision,
      subject,
      runId: this.ref.runId,
      workflowId: this.ref.workflowId,
      id: `${workflowInfo().runId}/${this.#decisions++}`,
    };
    this.event({
      source: 'run',
      type: `decision_${decision.decision}`,
      subject,
      message: `${decision.by} (${decision.channel}): ${decision.decision} ${subject}${decision.reason ? `: ${decision.reason}` : ''}`,
    });
    await CancellationScope.nonCancellable(() => this.#record.recordDecision(record));
  }

  setPaused(by: string | null): void {
    this.board.change({ pausedBy: by });
  }

  refuseAbort(): string | undefined {
    if (this.#aborted) return `${this.#aborted.by} has already aborted this run`;
    return this.#irreversible === undefined
      ? undefined
      : `the run is past the point of no return: ${this.#irreversible}`;
  }

  abort(ending: Ending): void {
    this.#aborted ??= ending;
    this.scope.cancel();
  }

  refuseHeld(stepId: string, action: HoldDecision['action']): string | undefined {
    const held = this.#held.get(stepId);
    if (!held || held.decision !== null) {
      const others = [...this.#held.keys()];
      return `step "${stepId}" is not held${others.length > 0 ? `; held: ${others.join(', ')}` : ''}`;
    }
    return action === 'skip' && !held.isSkippable
      ? `step "${stepId}" cannot be skipped: what follows rests on it; retry it or abort the run`
      : undefined;
  }

  decideHeld(stepId: string, decision: HoldDecision): void {
    const held = this.#held.get(stepId);
    if (held) held.decision = decision;
  }

  takeSignal(name: string, payload: unknown): void {
    const list = this.signals.get(name) ?? [];
    // Bounded: a caller that signals in a loop must not grow the state of the run.
    if (list.length < 100) this.signals.set(name, [...list, payload]);
  }

  takeChildReport({ step, ...child }: ChildReport): void {
    // A fast child reports before its parent hears that it was started: its report is the first that is known of it.
    this.#showChild(step, child);
  }

  takeProgress(report: ProgressReport): void {
    const step = this.board.status.steps.find((candidate) => candidate.id === report.step);
    // A late report of an attempt that has ended must not bring its step back to life.
    if (step?.state !== 'running') return;
    this.board.step(report.step, {
      progress: report.progress,
      ...(report.detail === undefined ? {} : { detail: report.detail }),
    });
    if (report.waitingFor === undefined) return;
    if (report.waitingFor === null) this.#stepWaits.delete(report.step);
    else this.#stepWaits.set(report.step, report.waitingFor);
    this.#setWaits(this.#waits);
  }

  #nameTarget(target: string): void {
    upsertSearchAttributes([
      { key: attribute.kind, value: this.kind },
      { key: attribute.target, value: target.slice(0, 200) },
    ]);
  }

  #childrenOf(stepId: string): NonNullable<StepStatus['children']> {
    return this.board.status.steps.find((step) => step.id === stepId)?.children ?? [];
  }

  #showChild(stepId: string, child: NonNullable<StepStatus['children']>[number]): void {
    const others = this.#childrenOf(stepId).filter((candidate) => candidate.workflowId !== child.workflowId);
    // A fan-out shows its newest children only: the status must stay small enough to be asked for every second.
    this.board.step(stepId, { children: [...others, child].slice(-20) });
  }

  #setWaits(waits: readonly WaitingFor[]): void {
    this.#waits = waits;
    const [stepWait] = this.#stepWaits.values();
    this.board.change({ waitingFor: waits[0] ?? stepWait ?? null });
  }

  #visibleState(status: RunStatus): RunStatus['state'] {
    if (status.state !== 'running') return status.state;
    if (status.pausedBy !== null) return 'paused';
    return effectiveWaiting(status) ? 'waiting' : 'running';
  }

  #changed(status: RunStatus): void {
    setCurrentDetails(renderStatus(status));
    const waiting = effectiveWaiting(status);
    const key = waiting ? `${waiting.kind} ${waiting.name}` : 'null';
    if (key === this.#reported) return;
    this.#reported = key;
    upsertSearchAttributes([{ key: attribute.waiting, value: waiting ? key : null }]);
    this.#parent?.tell(waiting);
  }
}

import type { ApprovalPolicy, Decision, GateStatus, WaitingFor } from '@switchyard/contracts';
import { condition } from '@temporalio/workflow';
import { deadlineOf, failingConditions, type Gate, type GateView } from './gate.js';
import { approvedBy, approvedOrThrow, type GateHost } from './gate-host.js';

/** A gate whose conditions are watched while people decide. */
export interface WatchRequest {
  /** Name of the gate; a signal of this name approves it. */
  readonly gate: string;
  readonly title: string;
  readonly policy: ApprovalPolicy;
  /** The step that waits meanwhile. */
  readonly step: string;
}

/** The part of the gatekeeper that a watched gate changes. */
export interface WatchedState {
  readonly current: () => Gate;
  /** Whether the audit does not hold every decision yet. */
  readonly isRecording: () => boolean;
  readonly show: (view: GateView) => void;
  /** The deadline of the gate has come. */
  readonly overdue: () => void;
  readonly leave: () => void;
}

/**
 * A gate that opens and closes with its conditions. Whoever observes shows what is seen; a decision is taken only while
 * every condition holds, and is void as soon as the evidence is another one.
 */
export class WatchedGate {
  readonly #request: WatchRequest;
  readonly #host: GateHost;
  readonly #state: WatchedState;

  constructor(request: WatchRequest, host: GateHost, state: WatchedState) {
    this.#request = request;
    this.#host = host;
    this.#state = state;
  }

  get status(): GateStatus {
    return this.#state.current().status;
  }

  /** Shows what is seen now: the gate opens, stays open, or closes. Also after an approval, which is void then. */
  show(view: GateView): void {
    const before = this.status;
    this.#state.show(view);
    const after = this.status;
    if (after.state !== before.state) this.#tell(after);
    if (before.decisions.length > 0 && after.decisions.length === 0) {
      this.#host.event({
        source: 'run',
        type: 'gate_decisions_void',
        level: 'warning',
        message: `what ${before.decisions.map(({ by }) => by).join(', ')} decided is void: the evidence is another one now`,
        subject: after.name,
        step: this.#request.step,
      });
    }
    if (this.#isUndecided()) this.#host.step(this.#request.step).waiting(this.#words());
  }

  /**
   * Waits until people have decided.
   * @returns the decisions that opened the way
   * @throws ApprovalRejected, ApprovalExpired
   */
  async decided(): Promise<readonly Decision[]> {
    try {
      while (this.#isUndecided()) {
        const awaited = this.#awaited();
        const isOther = (): boolean => !this.#isUndecided() || this.#awaited().name !== awaited.name;
        // oxlint-disable-next-line no-await-in-loop -- one wait after the other, each for what is missing then
        await this.#host.waitFor(awaited, () => this.#untilExpired(isOther));
      }
    } finally {
      // An abort, or a proof that failed: nobody takes a decision any more until the gate is watched again.
      this.#state.leave();
    }
    const { status } = this;
    this.#tell(status);
    const decisions = approvedOrThrow(status);
    this.#host.step(this.#request.step).start(approvedBy(decisions));
    return decisions;
  }

  #isUndecided(): boolean {
    const { state } = this.status;
    return state === 'open' || state === 'closed' || this.#state.isRecording();
  }

  /** What is missing now: a person, or the conditions that do not hold. */
  #awaited(): Pick<WaitingFor, 'kind' | 'name'> {
    const { state, conditions } = this.status;
    if (state !== 'closed') return { kind: 'approval', name: this.#request.gate };
    const failing = failingConditions(conditions).join(', ') || 'first look';
    return { kind: 'condition', name: `${this.#request.gate}: ${failing}` };
  }

  async #untilExpired(changed: () => boolean): Promise<void> {
    const deadline = deadlineOf(this.#state.current());
    if (deadline === null) return condition(changed);
    const left = deadline - Date.now();
    if (left <= 0 || !(await condition(changed, left))) this.#state.overdue();
  }

  #words(): string {
    const { state, conditions } = this.status;
    if (state === 'open') return `waiting for approval at gate ${this.#request.gate}`;
    return `gate ${this.#request.gate} is closed: ${failingConditions(conditions).join(', ') || 'nothing was seen yet'}`;
  }

  #tell({ state, name, title, evidence, conditions }: GateStatus): void {
    const failing = failingConditions(conditions);
    this.#host.event({
      source: 'run',
      type: state === 'open' ? 'gate_opened' : `gate_${state}`,
      level: state === 'closed' ? 'warning' : 'info',
      message: state === 'closed' ? `${title}: closed, for ${failing.join(', ')}` : `${title}: ${state}`,
      subject: name,
      step: this.#request.step,
      data: { evidence },
    });
  }
}

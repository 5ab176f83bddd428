import type { ApprovalPolicy, Condition, Decision } from '@switchyard/contracts';
import { condition, patched } from '@temporalio/workflow';
import {
  closedGate,
  deadlineOf,
  decide,
  leaveGate,
  openGate,
  overdue,
  refusalOf,
  revoke,
  revokeRefusal,
  showGate,
  type Gate,
  type GateView,
} from './gate.js';
import { approvedBy, approvedOrThrow, tellEscalation, type GateHost } from './gate-host.js';
import { WatchedGate, type WatchRequest } from './watched-gate.js';

/** An approval that a run asks for. */
export interface ApprovalRequest {
  /** Name of the gate; a signal of this name approves it. */
  readonly gate: string;
  readonly title: string;
  readonly policy: ApprovalPolicy;
  /** Digest of what is shown: the approval is void for anything else. */
  readonly evidence: string;
  readonly shown: readonly string[];
  readonly conditions?: readonly Condition[];
  /** The step that waits meanwhile. */
  readonly step?: string;
}

/** The gates of one run: opens them, waits for people, and takes what they decide. */
export class Gatekeeper {
  readonly #host: GateHost;
  readonly #gates = new Map<string, Gate>();
  /** Gates that the run waits at: what they let through has not begun. */
  readonly #awaited = new Set<string>();
  /** Decisions that the audit does not hold yet. */
  #recording = 0;

  constructor(host: GateHost) {
    this.#host = host;
  }

  /**
   * Opens a gate and waits for people.
   * @returns the decisions that closed it
   * @throws ApprovalRejected, ApprovalExpired
   */
  async approval(request: ApprovalRequest): Promise<readonly Decision[]> {
    const host = this.#host;
    const { gate: name, policy } = request;
    const opened = openGate({
      name,
      title: request.title,
      policy,
      evidence: request.evidence,
      shown: request.shown,
      conditions: request.conditions ?? [],
      startedBy: host.startedBy,
      now: new Date(),
    });
    this.#set(opened);
    host.event({
      source: 'run',
      type: 'gate_opened',
      message: request.title,
      subject: name,
      step: request.step ?? null,
      data: { evidence: request.evidence },
    });
    if (request.step !== undefined) host.step(request.step).waiting(`waiting for approval at gate ${name}`);
    if (opened.status.state === 'open') {
      this.#awaited.add(name);
      try {
        await this.#untilDecided(name, opened, request.step);
      } finally {
        this.#awaited.delete(name);
      }
    }
    const { status } = this.#gates.get(name) ?? opened;
    host.event({
      source: 'run',
      type: `gate_${status.state}`,
      message: `${request.title}: ${status.state}`,
      subject: name,
      step: request.step ?? null,
    });
    if (request.step !== undefined && status.state === 'approved')
      host.step(request.step).start(approvedBy(status.decisions));
    return approvedOrThrow(status);
  }

  async #untilDecided(name: string, opened: Gate, step: string | undefined): Promise<void> {
    const host = this.#host;
    const current = (): Gate => this.#gates.get(name) ?? opened;
    // A decision counts only once the audit holds it: the gate may not be passed on an approval that could be lost.
    const decided = (): boolean => current().status.state !== 'open' && this.#recording === 0;
    for (;;) {
      // oxlint-disable no-await-in-loop -- one wait after the other, each for what is missing then
      await host.waitFor({ kind: 'approval', name }, async () => {
        while (current().status.state === 'open') {
          const deadline = deadlineOf(current());
          const left = deadline === null ? null : deadline - Date.now();
          if (left === null) await condition(decided);
          // A deadline that passed while the gate was approved and the run paused is in the past.
          else if (left < 0 || !(await condition(decided, left))) this.#deadline(current(), step);
        }
        if (this.#recording > 0) await condition(() => this.#recording === 0);
      });
      const isApproved = (): boolean => current().status.state === 'approved';
      // Runs that were recorded before could not take an approval back while they are paused.
      if (!isApproved() || !host.isPaused || !patched('approval-until-resume')) return;
      await host.waitFor({ kind: 'person', name: 'resume' }, () => condition(() => !host.isPaused || !isApproved()));
      // oxlint-enable no-await-in-loop
    }
  }

  #deadline(gate: Gate, step: string | undefined): void {
    const next = overdue(gate, new Date());
    this.#set(next);
    if (next.status.escalatedAt !== gate.status.escalatedAt) tellEscalation(this.#host, next.status, step);
  }

  /** Makes a gate whose conditions are watched: closed until they are shown to hold. */
  watch(request: WatchRequest): WatchedGate {
    const { gate: name, title, policy } = request;
    this.#set(closedGate({ name, title, policy, startedBy: this.#host.startedBy }));
    this.#awaited.add(name);
    const current = (): Gate => this.#gates.get(name) ?? closedGate({ name, title, policy, startedBy: undefined });
    return new WatchedGate(request, this.#host, {
      current,
      isRecording: () => this.#recording > 0,
      show: (view: GateView) => this.#set(showGate(current(), view, new Date())),
      overdue: () => this.#deadline(current(), request.step),
      leave: () => {
        this.#awaited.delete(name);
        this.#set(leaveGate(current()));
      },
    });
  }

  /** Why a decision would be refused, or undefined. Pure, for the validator of an update. */
  refusal(name: string, decision: Decision): string | undefined {
    const gate = this.#gates.get(name);
    return gate ? refusalOf(gate, decision) : this.#unknown(name);
  }

  /** Why an approval cannot be taken back, or undefined. Pure, for the validator of an update. */
  revokeRefusal(name: string, by: string): string | undefined {
    const gate = this.#gates.get(name);
    if (!gate) return this.#unknown(name);
    if (gate.status.state === 'approved' && !this.#awaited.has(name))
      return `what gate "${name}" let through has begun; pause or abort the run`;
    return revokeRefusal(gate, by);
  }

  /** Takes a decision that was not refused; resolves when the audit holds it. */
  async take(name: string, decision: Decision): Promise<void> {
    const gate = this.#gates.get(name);
    if (!gate) return;
    // Counted before the gate changes: `approval` may wake up in the same turn.
    this.#recording++;
    const next = decide(gate, decision);
    this.#set(next);
    try {
      await this.#host.audit(name, next.status.decisions.at(-1) ?? decision);
    } finally {
      this.#recording--;
    }
  }

  /** Takes back an approval that may be taken back; resolves when the audit holds that. */
  async revoke(name: string, taken: Omit<Decision, 'decision'>): Promise<void> {
    const gate = this.#gates.get(name);
    if (!gate) return;
    this.#set(revoke(gate, taken.by));
    await this.#host.audit(name, { ...taken, decision: 'revoke' });
  }

  #unknown(name: string): string {
    const known = [...this.#gates.keys()];
    return `there is no gate "${name}"${known.length > 0 ? `; gates so far: ${known.join(', ')}` : ' yet'}`;
  }

  #set(gate: Gate): void {
    this.#gates.set(gate.status.name, gate);
    this.#host.board.gate(gate.status);
  }
}

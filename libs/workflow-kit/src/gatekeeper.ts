import type { ApprovalPolicy, Condition, Decision } from '@switchyard/contracts';
import { condition } from '@temporalio/workflow';
import {
  closedGate,
  decide,
  expire,
  leaveGate,
  openGate,
  refusalOf,
  showGate,
  type Gate,
  type GateView,
} from './gate.js';
import { approvedBy, approvedOrThrow, type GateHost } from './gate-host.js';
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
      // A decision counts only once the audit holds it: the gate may not be passed on an approval that could be lost.
      const decided = (): boolean => this.#gates.get(name)?.status.state !== 'open' && this.#recording === 0;
      await host.waitFor({ kind: 'approval', name }, async () => {
        if (policy.timeout === undefined) await condition(decided);
        else if (!(await condition(decided, policy.timeout))) this.#set(expire(this.#gates.get(name) ?? opened));
        if (this.#recording > 0) await condition(() => this.#recording === 0);
      });
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

  /** Makes a gate whose conditions are watched: closed until they are shown to hold. */
  watch(request: WatchRequest): WatchedGate {
    const { gate: name, title, policy } = request;
    this.#set(closedGate({ name, title, policy, startedBy: this.#host.startedBy }));
    const current = (): Gate => this.#gates.get(name) ?? closedGate({ name, title, policy, startedBy: undefined });
    return new WatchedGate(request, this.#host, {
      current,
      isRecording: () => this.#recording > 0,
      show: (view: GateView) => this.#set(showGate(current(), view, new Date())),
      expire: () => this.#set(expire(current())),
      leave: () => this.#set(leaveGate(current())),
    });
  }

  /** Why a decision would be refused, or undefined. Pure, for the validator of an update. */
  refusal(name: string, decision: Decision): string | undefined {
    const gate = this.#gates.get(name);
    if (!gate) {
      const known = [...this.#gates.keys()];
      return `there is no gate "${name}"${known.length > 0 ? `; gates so far: ${known.join(', ')}` : ' yet'}`;
    }
    return refusalOf(gate, decision);
  }

  /** Takes a decision that was not refused; resolves when the audit holds it. */
  async take(name: string, decision: Decision): Promise<void> {
    const gate = this.#gates.get(name);
    if (!gate) return;
    // Counted before the gate changes: `approval` may wake up in the same turn.
    this.#recording++;
    this.#set(decide(gate, decision));
    try {
      await this.#host.audit(name, decision);
    } finally {
      this.#recording--;
    }
  }

  #set(gate: Gate): void {
    this.#gates.set(gate.status.name, gate);
    this.#host.board.gate(gate.status);
  }
}

import {
  UNAUTHENTICATED,
  type ApprovalPolicy,
  type Condition,
  type Decision,
  type GateStatus,
} from '@switchyard/contracts';

/** A gate: what is shown to people, the policy that decides who must agree, and what was decided. */
export interface Gate {
  readonly status: GateStatus;
  readonly policy: ApprovalPolicy;
  /** Who started the run, when known. */
  readonly startedBy: string | undefined;
}

/** What opens a gate. */
export interface GateOpening {
  readonly name: string;
  readonly title: string;
  readonly policy: ApprovalPolicy;
  readonly evidence: string;
  readonly shown: readonly string[];
  readonly conditions: readonly Condition[];
  readonly startedBy: string | undefined;
  readonly now: Date;
}

/** An open gate. With nobody required and no failing condition it is approved at once. */
export function openGate(opening: GateOpening): Gate {
  const { policy, now } = opening;
  return {
    policy,
    startedBy: opening.startedBy,
    status: {
      name: opening.name,
      title: opening.title,
      state: policy.required === 0 ? 'approved' : 'open',
      evidence: opening.evidence,
      shown: [...opening.shown],
      required: policy.required,
      openedAt: now.toISOString(),
      expiresAt: policy.timeout === undefined ? null : new Date(now.getTime() + policy.timeout).toISOString(),
      conditions: [...opening.conditions],
      decisions: [],
    },
  };
}

/** What a watched gate shows at one moment. */
export interface GateView {
  readonly evidence: string;
  readonly shown: readonly string[];
  readonly conditions: readonly Condition[];
}

/** A gate that nobody may decide yet: its conditions have not been looked at. */
export function closedGate(opening: Omit<GateOpening, keyof GateView | 'now'>): Gate {
  const { policy, startedBy, name, title } = opening;
  return {
    policy,
    startedBy,
    status: {
      name,
      title,
      state: 'closed',
      evidence: '',
      shown: [],
      required: policy.required,
      openedAt: null,
      expiresAt: null,
      conditions: [],
      decisions: [],
    },
  };
}

/**
 * A watched gate with what is seen now: open while every condition holds, closed otherwise. Approvals of other evidence
 * are void. Without conditions it stays closed: nothing seen is no proof. A rejected or expired gate stays as it is.
 */
export function showGate(gate: Gate, view: GateView, now: Date): Gate {
  const { status, policy } = gate;
  if (status.state === 'rejected' || status.state === 'expired') return gate;
  const holds = view.conditions.length > 0 && failingConditions(view.conditions).length === 0;
  const state = !holds ? 'closed' : policy.required === 0 ? 'approved' : 'open';
  const isOpened = holds && status.openedAt === null;
  return {
    ...gate,
    status: {
      ...status,
      state,
      evidence: view.evidence,
      shown: [...view.shown],
      conditions: [...view.conditions],
      decisions: holds && view.evidence === status.evidence && status.state === 'open' ? status.decisions : [],
      ...(isOpened
        ? {
            openedAt: now.toISOString(),
            expiresAt: policy.timeout === undefined ? null : new Date(now.getTime() + policy.timeout).toISOString(),
          }
        : {}),
    },
  };
}

/** A watched gate that nobody waits at any more: what was open is closed, and nobody may decide. */
export function leaveGate(gate: Gate): Gate {
  const { status } = gate;
  return status.state === 'open' ? { ...gate, status: { ...status, state: 'closed', decisions: [] } } : gate;
}

/** Names of the conditions that do not hold; `unknown` counts as fail. */
export function failingConditions(conditions: readonly Condition[]): string[] {
  return conditions.filter(({ state }) => state !== 'pass').map(({ name }) => name);
}

/** Why a decision is refused, or undefined when it counts. Pure: the validator of an update may call it. */
export function refusalOf(gate: Gate, decision: Decision): string | undefined {
  const { status, policy } = gate;
  const failing = failingConditions(status.conditions);
  if (status.state !== 'open') {
    const why = status.state === 'closed' && failing.length > 0 ? `; these do not hold: ${failing.join(', ')}` : '';
    return `gate "${status.name}" is ${status.state}, not open${why}`;
  }
  if (policy.reasonRequired && decision.reason.trim() === '') return `gate "${status.name}" needs a reason`;
  if (decision.by === UNAUTHENTICATED && !policy.allowUnauthenticated) {
    return `gate "${status.name}" takes decisions only from people who say who they are`;
  }
  if (decision.decision === 'reject') return undefined;
  if (decision.evidence !== status.evidence) {
    return `evidence ${decision.evidence} is not what gate "${status.name}" shows now (${status.evidence}); look again before you approve`;
  }
  if (failing.length > 0) return `gate "${status.name}" has conditions that do not hold: ${failing.join(', ')}`;
  if (!policy.selfApproval && gate.startedBy !== undefined && decision.by === gate.startedBy) {
    return `${decision.by} started this run and may not approve it: another person must`;
  }
  if (status.decisions.some((earlier) => earlier.by === decision.by))
    return `${decision.by} has already approved gate "${status.name}"`;
  return undefined;
}

/** The gate after a decision that was not refused. One rejection closes it; approvals close it when enough people agree. */
export function decide(gate: Gate, decision: Decision): Gate {
  const decisions = [...gate.status.decisions, decision];
  const approvals = new Set(decisions.filter((d) => d.decision === 'approve').map((d) => d.by)).size;
  const state = decision.decision === 'reject' ? 'rejected' : approvals >= gate.policy.required ? 'approved' : 'open';
  return { ...gate, status: { ...gate.status, decisions, state } };
}

/**
 * The gate after nobody decided in time; a gate that is decided already stays as it is. One whose conditions do not
 * hold is never passed by waiting.
 */
export function expire(gate: Gate): Gate {
  const { state } = gate.status;
  if (state !== 'open' && state !== 'closed') return gate;
  const passes = gate.policy.onTimeout === 'continue' && state === 'open';
  return { ...gate, status: { ...gate.status, state: passes ? 'approved' : 'expired' } };
}

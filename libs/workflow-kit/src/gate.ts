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

/** Why a decision is refused, or undefined when it counts. Pure: the validator of an update may call it. */
export function refusalOf(gate: Gate, decision: Decision): string | undefined {
  const { status, policy } = gate;
  if (status.state !== 'open') return `gate "${status.name}" is ${status.state}, not open`;
  if (policy.reasonRequired && decision.reason.trim() === '') return `gate "${status.name}" needs a reason`;
  if (decision.by === UNAUTHENTICATED && !policy.allowUnauthenticated) {
    return `gate "${status.name}" takes decisions only from people who say who they are`;
  }
  if (decision.decision === 'reject') return undefined;
  if (decision.evidence !== status.evidence) {
    return `evidence ${decision.evidence} is not what gate "${status.name}" shows now (${status.evidence}); look again before you approve`;
  }
  const failing = status.conditions
    .filter((condition) => condition.state !== 'pass')
    .map((condition) => condition.name);
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

/** The gate after nobody decided in time; a gate that is decided already stays as it is. */
export function expire(gate: Gate): Gate {
  if (gate.status.state !== 'open') return gate;
  return { ...gate, status: { ...gate.status, state: gate.policy.onTimeout === 'continue' ? 'approved' : 'expired' } };
}

import {
  UNAUTHENTICATED,
  type ApprovalPolicy,
  type Condition,
  type Decision,
  type GateStatus,
} from '@switchyard/contracts';
import { answerRefusal, answersOf } from './gate-answers.js';
import { groupsNow, isQuorum, speaksFor } from './gate-people.js';

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
  return counted({
    policy,
    startedBy: opening.startedBy,
    status: {
      name: opening.name,
      title: opening.title,
      state: policy.required === 0 ? 'approved' : 'open',
      evidence: opening.evidence,
      shown: [...opening.shown],
      required: policy.required,
      ...opened(policy, now),
      conditions: [...opening.conditions],
      decisions: [],
    },
  });
}

/** The times of a gate that opens now. */
function opened(
  { timeout, escalation }: ApprovalPolicy,
  now: Date,
): Pick<GateStatus, 'openedAt' | 'expiresAt' | 'escalatesAt'> {
  const after = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(now.getTime() + ms).toISOString();
  return {
    openedAt: now.toISOString(),
    expiresAt: after(timeout),
    ...(escalation ? { escalatesAt: after(escalation.after ?? timeout) } : {}),
  };
}

/** The gate with what follows from its decisions: who has agreed per group, and the answers so far. */
function counted(gate: Gate): Gate {
  const { policy, status } = gate;
  const groups = groupsNow(policy, isEscalated(status), status.decisions);
  return {
    ...gate,
    status: {
      ...status,
      ...(groups ? { groups: [...groups] } : {}),
      ...(policy.fields ? { fields: policy.fields, answers: answersOf(policy, status.decisions) } : {}),
    },
  };
}

const isEscalated = ({ escalatedAt }: GateStatus): boolean => (escalatedAt ?? null) !== null;

/** What a watched gate shows at one moment. */
export interface GateView {
  readonly evidence: string;
  readonly shown: readonly string[];
  readonly conditions: readonly Condition[];
}

/** A gate that nobody may decide yet: its conditions have not been looked at. */
export function closedGate(opening: Omit<GateOpening, keyof GateView | 'now'>): Gate {
  const { policy, startedBy, name, title } = opening;
  return counted({
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
  });
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
  return counted({
    ...gate,
    status: {
      ...status,
      state,
      evidence: view.evidence,
      shown: [...view.shown],
      conditions: [...view.conditions],
      decisions: holds && view.evidence === status.evidence && status.state === 'open' ? status.decisions : [],
      ...(isOpened ? opened(policy, now) : {}),
    },
  });
}

/** A watched gate that nobody waits at any more: what was open is closed, and nobody may decide. */
export function leaveGate(gate: Gate): Gate {
  const { status } = gate;
  return status.state === 'open' ? counted({ ...gate, status: { ...status, state: 'closed', decisions: [] } }) : gate;
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
  const { groups = [] } = status;
  if (policy.groups && speaksFor(groups, decision).length === 0) {
    return `${decision.by} is in none of the groups that decide at gate "${status.name}": ${groups.map((group) => group.name).join(', ')}`;
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
  return answerRefusal(policy, status.decisions, decision);
}

/** Why somebody cannot take an approval back, or undefined. Whether what follows has begun is for the caller to know. */
export function revokeRefusal({ status }: Gate, by: string): string | undefined {
  if (status.state !== 'open' && status.state !== 'approved') return `gate "${status.name}" is ${status.state}`;
  return status.decisions.some((decision) => decision.by === by)
    ? undefined
    : `${by} has not approved gate "${status.name}"`;
}

/** The gate without the approval of somebody: open again, unless the others are enough. */
export function revoke(gate: Gate, by: string): Gate {
  const decisions = gate.status.decisions.filter((decision) => decision.by !== by);
  const next = counted({ ...gate, status: { ...gate.status, decisions } });
  const state = isQuorum(gate.policy, next.status.groups, decisions) ? 'approved' : 'open';
  return { ...next, status: { ...next.status, state } };
}

/** The gate after a decision that was not refused. One rejection closes it; approvals close it when enough people agree. */
export function decide(gate: Gate, decision: Decision): Gate {
  const { status, policy } = gate;
  const groups = status.groups ? speaksFor(status.groups, decision) : undefined;
  // What sign-in says of the sender has done its duty: the record names the groups that the decision counts for.
  const { groups: _, ...said } = decision;
  const decisions = [...status.decisions, groups ? { ...said, groups } : said];
  const next = counted({ ...gate, status: { ...status, decisions } });
  const isApproved = isQuorum(policy, next.status.groups, decisions);
  const state = decision.decision === 'reject' ? 'rejected' : isApproved ? 'approved' : 'open';
  return { ...next, status: { ...next.status, state } };
}

/** When something happens to an undecided gate by itself: the further group is asked, or it expires. */
export function deadlineOf({ status }: Gate): number | null {
  const escalates = isEscalated(status) ? null : (status.escalatesAt ?? null);
  const times = [escalates, status.expiresAt].filter((time) => time !== null).map((time) => Date.parse(time));
  return times.length > 0 ? Math.min(...times) : null;
}

/**
 * The gate when its {@link deadlineOf} has come: the further group is asked, with another `timeout` where that is what
 * expiry means; else it expires. A gate that is decided already stays as it is.
 */
export function overdue(gate: Gate, now: Date): Gate {
  const { status, policy } = gate;
  if (status.state !== 'open' && status.state !== 'closed') return gate;
  const escalatesAt = isEscalated(status) ? null : (status.escalatesAt ?? null);
  const isAsked = escalatesAt !== null && (status.expiresAt === null || escalatesAt <= status.expiresAt);
  if (!isAsked) return expire(gate);
  const { expiresAt } = policy.onTimeout === 'escalate' ? opened(policy, now) : status;
  return counted({ ...gate, status: { ...status, escalatedAt: now.toISOString(), expiresAt } });
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

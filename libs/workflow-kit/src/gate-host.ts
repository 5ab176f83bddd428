import type { Decision, GateStatus, NewEventInput, WaitingFor } from '@switchyard/contracts';
import { fail } from './failure.js';

/** What a gate needs of the run that it belongs to. */
export interface GateHost {
  readonly startedBy: string | undefined;
  readonly board: { gate(status: GateStatus): void };
  event(event: Omit<NewEventInput, 'runId' | 'workflowId' | 'at'>): void;
  waitFor<T>(reason: Omit<WaitingFor, 'since'>, wait: () => Promise<T>): Promise<T>;
  step(id: string): { start(detail?: string): void; waiting(detail?: string): void };
  /** Resolves when the audit holds the decision. */
  audit(subject: string, decision: Decision): Promise<void>;
}

/** The decisions of a gate that was passed. @throws ApprovalRejected, ApprovalExpired */
export function approvedOrThrow(status: GateStatus): readonly Decision[] {
  if (status.state === 'rejected') {
    const last = status.decisions.at(-1);
    throw fail(
      'ApprovalRejected',
      `${last?.by ?? 'somebody'} rejected "${status.title}"${last?.reason ? `: ${last.reason}` : ''}`,
      status,
    );
  }
  if (status.state === 'expired') throw fail('ApprovalExpired', `nobody decided "${status.title}" in time`, status);
  return status.decisions;
}

export function approvedBy(decisions: readonly Decision[]): string {
  return decisions.length > 0
    ? `approved by ${decisions.map((decision) => decision.by).join(', ')}`
    : 'nobody had to approve';
}

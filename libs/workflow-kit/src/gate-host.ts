import type { Decision, GateStatus, NewEventInput, WaitingFor } from '@switchyard/contracts';
import { fail } from './failure.js';

/** What a gate needs of the run that it belongs to. */
export interface GateHost {
  readonly startedBy: string | undefined;
  /** Whether the run is paused: what an approval lets through does not begin yet. */
  readonly isPaused: boolean;
  readonly board: { gate(status: GateStatus): void };
  event(event: Omit<NewEventInput, 'runId' | 'workflowId' | 'at'>): void;
  waitFor<T>(reason: Omit<WaitingFor, 'since'>, wait: () => Promise<T>): Promise<T>;
  step(id: string): { start(detail?: string): void; waiting(detail?: string): void };
  /** Resolves when the audit holds the decision. */
  audit(subject: string, decision: Omit<Decision, 'decision'> & { decision: string }): Promise<void>;
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

/** Tells that the further group of a gate is asked now. */
export function tellEscalation(host: GateHost, { name, title, groups }: GateStatus, step: string | undefined): void {
  const further = groups?.find(({ isFurther }) => isFurther)?.name ?? '';
  host.event({
    source: 'run',
    type: 'gate_escalated',
    level: 'warning',
    message: `${title}: nobody has decided yet, group ${further} is asked too`,
    subject: name,
    step: step ?? null,
  });
  if (step !== undefined)
    host.step(step).waiting(`waiting for approval at gate ${name}, escalated to group ${further}`);
}

import { approvalPolicySchema, type Decision } from '@switchyard/contracts';
import { openGate, type Gate } from '../src/gate.js';

export const EVIDENCE = `sha256:${'a'.repeat(64)}`;
/** When gates open and decisions are made. */
export const AT = '2026-01-01T00:00:00.000Z';

/** A gate that was opened at {@link AT} for a run that ann started. */
export const gate = (policy: object = {}, conditions: Gate['status']['conditions'] = []): Gate =>
  openGate({
    name: 'plan',
    title: 'Apply',
    policy: approvalPolicySchema.parse(policy),
    evidence: EVIDENCE,
    shown: [],
    conditions,
    startedBy: 'ann',
    now: new Date(AT),
  });

/** An approval of {@link EVIDENCE}. */
export const decision = (by: string, more: Partial<Decision> = {}): Decision => ({
  by,
  channel: 'cli',
  decision: 'approve',
  reason: '',
  at: AT,
  evidence: EVIDENCE,
  ...more,
});

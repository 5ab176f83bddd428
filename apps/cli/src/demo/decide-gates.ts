import { CodedError } from '@switchyard/contracts';
import type { Client } from '@temporalio/client';
import { sendUpdate } from '../commands/decisions.js';
import type { OpenGate } from '../runs/find-gates.js';

/** The two people of the demo. */
export const OPERATOR = 'olga (operator)';
export const APPROVER = 'anton (approver)';

/** What happened at a gate, for the report. */
export interface GateStory {
  readonly gate: string;
  readonly evidence: string;
  /** What the run answered when its starter tried to approve. */
  readonly refusal: string;
  readonly approvedBy: string;
}

/** Tries to approve as the person who started the run, which must be refused, and then as the second person. */
export async function decideGate(client: Client, { gate, workflowId }: OpenGate): Promise<GateStory> {
  const approve = (who: string): Promise<unknown> =>
    sendUpdate(client, workflowId, 'approve', {
      gate: gate.name,
      evidence: gate.evidence,
      reason: 'looked at what is shown',
      by: { identity: who, channel: 'demo' },
    });
  const refusal = await approve(OPERATOR).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (refusal === undefined) throw new CodedError('Internal', `gate ${gate.name} let ${OPERATOR} approve an own run`);
  await approve(APPROVER);
  return { gate: gate.name, evidence: gate.evidence, refusal, approvedBy: APPROVER };
}

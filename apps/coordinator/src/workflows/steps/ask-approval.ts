import { parseOrThrow, type Decision, type RunbookStep } from '@switchyard/contracts';
import { KIND_SCHEMAS, type Scope } from '@switchyard/runbook';
import { answersOf, digestOf, type Run } from '@switchyard/workflow-kit';

/** The result of an approval step. */
export interface ApprovalResult {
  /** False when nobody decided and the policy goes on all the same. */
  readonly approved: boolean;
  readonly decisions: readonly Decision[];
  readonly evidence: string;
  /** Answers to what the step asks for, with defaults; there for a step with `fields`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/**
 * Opens the gate named like the step and waits for people. The evidence covers the runbook, what is asked, and what
 * the needed steps gave: an approval of anything else is void.
 */
export async function askApproval(
  run: Run,
  step: RunbookStep,
  given: unknown,
  about: { readonly runbookDigest: string; readonly scope: Scope },
): Promise<ApprovalResult> {
  const { title, show, ...policy } = parseOrThrow(KIND_SCHEMAS.approval, given, `step "${step.id}"`);
  const needs = Object.fromEntries(step.needs.map((id) => [id, about.scope.steps[id] ?? null]));
  const evidence = digestOf({ runbook: about.runbookDigest, step: step.id, with: given, needs: digestOf(needs) });
  const decisions = await run.approval({ gate: step.id, title, policy, evidence, shown: show, step: step.id });
  return {
    approved: policy.required === 0 || decisions.length > 0,
    decisions,
    evidence,
    ...(policy.fields ? { fields: answersOf(policy, decisions) } : {}),
  };
}

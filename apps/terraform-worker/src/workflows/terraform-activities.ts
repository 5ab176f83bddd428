import type { DriftAcknowledgement, RunRef, SourceActivities } from '@switchyard/contracts';
import type { ApplyPlanInput, AppliedStack } from '../activities/apply-plan.js';
import type { AcknowledgeDriftInput, CheckDriftInput, FoundDrift } from '../activities/check-drift.js';
import type { CompareStateInput, PushStateInput, ShownPush, StatePushed } from '../activities/push-state.js';
import type { PlannedStack, PlanStackInput } from '../activities/plan-stack.js';

/** The activities of this worker, as the workflow calls them. Types only: nothing of them is in the bundle. */
export interface TerraformActivities extends SourceActivities {
  readonly planStack: (input: PlanStackInput) => Promise<PlannedStack>;
  readonly applyPlan: (input: ApplyPlanInput) => Promise<AppliedStack>;
  readonly compareState: (input: CompareStateInput) => Promise<ShownPush>;
  readonly pushState: (input: PushStateInput) => Promise<StatePushed>;
  readonly checkDrift: (input: CheckDriftInput) => Promise<FoundDrift>;
  readonly acknowledgeDrift: (input: AcknowledgeDriftInput) => Promise<DriftAcknowledgement>;
  readonly releaseStack: (input: { readonly ref: RunRef }) => Promise<void>;
}

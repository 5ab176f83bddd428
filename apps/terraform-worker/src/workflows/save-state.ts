import type { ApprovalPolicy, TerraformInput } from '@switchyard/contracts';
import { activities, fail, failureOf, type Run } from '@switchyard/workflow-kit';
import { isCancellation } from '@temporalio/workflow';
import type { StatePushed } from '../activities/push-state.js';
import { pushByHand, unsavedStateOf } from '../plan/unsaved-file.js';
import { stackName } from './stack-source.js';
import type { TerraformActivities } from './terraform-activities.js';

/** The gate of a state that could not be saved, and the step that waits at it. */
export const PUSH_STATE = 'push-state';

/** How long a backend that cannot be read is asked again before the run gives up. */
const PATIENCE_MS = 60 * 60_000;

/** An apply that failed. */
export interface FailedApply {
  readonly input: TerraformInput;
  readonly planDigest: string;
  readonly error: unknown;
  /** Longest time of one attempt, in milliseconds. */
  readonly startToClose: number;
}

/**
 * Ends a run whose apply failed. When that left a state which could not be saved, people are asked first whether to
 * push it; the stack stays locked meanwhile, because whatever is planned from the saved state makes things twice.
 * @throws the failure of the apply, always; with what became of the state
 */
export async function saveState(run: Run, apply: FailedApply): Promise<never> {
  const failure = failureOf(apply.error);
  const artifact = unsavedStateOf(failure);
  if (artifact === undefined || isCancellation(apply.error)) throw apply.error;
  const end = (what: string, details: object): Error =>
    fail(failure.code, `${failure.message}. ${what}`, { ...(failure.details as object), ...details });
  run.phase(PUSH_STATE);
  let saved: Saved;
  try {
    saved = await run.inStep(PUSH_STATE, () => askAndPush(run, apply, artifact), {
      title: 'Push of the unsaved state',
    });
  } catch (error) {
    if (isCancellation(error)) throw error;
    throw end(`The state was not pushed (${failureOf(error).message}); ${pushByHand(artifact, apply.input.engine)}`, {
      stateSaved: false,
    });
  }
  const { stateSerial, verdict, artifacts } = saved;
  run.step(PUSH_STATE).done(`saved with serial ${stateSerial}`);
  throw end(
    `The state was pushed and is whole (serial ${stateSerial}): mend the cause and start a new run, it plans what is left`,
    { stateSaved: true, stateSerial, verdict, artifacts },
  );
}

type Saved = Extract<StatePushed, { kind: 'saved' }>;

/** Asks and pushes until the state is saved. Whatever is not as it was shown is shown and asked anew. */
async function askAndPush(
  run: Run,
  { input, planDigest, startToClose }: FailedApply,
  artifact: string,
): Promise<Saved> {
  const { compareState } = activities<Pick<TerraformActivities, 'compareState'>>({
    startToClose,
    attempts: Infinity,
    scheduleToClose: PATIENCE_MS,
  });
  const { pushState } = activities<Pick<TerraformActivities, 'pushState'>>({ startToClose, attempts: 5 });
  const call = { ref: run.ref, input, planDigest, artifact };
  let before: string | undefined;
  for (;;) {
    // oxlint-disable no-await-in-loop -- each round rests on what the one before has found
    const { evidence, shown } = await compareState(call);
    if (evidence !== null) {
      await run.approval({
        gate: PUSH_STATE,
        title: `Push the unsaved state of ${stackName(input.stack)}`,
        policy: policyOf(input.approval),
        evidence,
        shown: before === undefined ? shown : [before, ...shown],
        step: PUSH_STATE,
      });
    }
    try {
      const pushed = await pushState({ ...call, evidence: evidence ?? '' });
      if (pushed.kind === 'saved') return pushed;
      before = 'The state in the backend has changed since the last approval, which is void:';
    } catch (error) {
      if (isCancellation(error)) throw error;
      before = `The last push failed: ${failureOf(error).message}`;
    }
    run.warn(before);
    // oxlint-enable no-await-in-loop
  }
}

/**
 * The people of the plan decide, at least one of them: no state is replaced because nobody has answered. What they are
 * asked to fill in belongs to the plan.
 */
function policyOf(policy: ApprovalPolicy | undefined): ApprovalPolicy {
  const { fields: _, ...rest } = policy ?? ANYBODY;
  return {
    ...rest,
    required: Math.max(1, rest.required),
    onTimeout: rest.onTimeout === 'continue' ? 'reject' : rest.onTimeout,
  };
}

const ANYBODY: ApprovalPolicy = {
  required: 1,
  onTimeout: 'reject',
  selfApproval: false,
  reasonRequired: false,
  allowUnauthenticated: true,
};

import { terraformInputSchema, type Condition, type TerraformInput, type TerraformResult } from '@switchyard/contracts';
import { activities, pinSource, runWorkflow, SOURCE_STEP, sourceSteps, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, patched } from '@temporalio/workflow';
import type { AppliedStack } from '../activities/apply-plan.js';
import type { PlannedStack } from '../activities/plan-stack.js';
import { saveState } from './save-state.js';
import { shownSource, sourceOf, stackName, timeForSource } from './stack-source.js';
import type { TerraformActivities } from './terraform-activities.js';

/** Longest time that an interrupted apply may take to save its state, with room for what surrounds the commands. */
const MARGIN_MS = 10 * 60_000;

/** Plans a stack, asks where a policy is given, and applies exactly the plan that was shown. */
export async function TerraformWorkflow(given: unknown): Promise<TerraformResult> {
  return runWorkflow({
    kind: 'terraform',
    schema: terraformInputSchema,
    given,
    what: 'TerraformWorkflow input',
    describe: (input) => ({
      title: `${TITLE[input.action]} ${stackName(input.stack)}${input.workspace === 'default' ? '' : ` (${input.workspace})`}`,
      target: stackName(input.stack),
      steps: stepsOf(input),
    }),
    body: changeStack,
  });
}

const TITLE = { plan: 'Plan', apply: 'Apply', destroy: 'Destroy' } as const;

function stepsOf(input: TerraformInput): { id: string; title: string }[] {
  const first = [...sourceSteps(input.stack), { id: 'plan', title: 'Plan' }];
  if (input.action === 'plan') return first;
  return [
    ...first,
    ...(input.approval ? [{ id: 'approval', title: 'Approval' }] : []),
    { id: 'apply', title: input.action === 'destroy' ? 'Destroy' : 'Apply' },
  ];
}

async function changeStack(run: Run, given: TerraformInput): Promise<TerraformResult> {
  // Plan, approval and apply are about one commit, however long people think.
  const input = { ...given, stack: await pinSource(run, given.stack) };
  const { planStack, releaseStack } = activitiesFor(input);
  const call = { ref: run.ref, input };
  try {
    run.phase('plan');
    const planned = await run.inStep('plan', () => planStack(call));
    run.step('plan').done(planned.shown[0]);
    if (input.action === 'plan' || !planned.applyable) {
      const done: readonly string[] = [SOURCE_STEP.id, 'plan'];
      for (const { id } of stepsOf(input)) if (!done.includes(id)) run.step(id).skipped('nothing to change');
      return resultOf(run, input, planned, { applied: false });
    }
    await run.checkpoint();
    await approve(run, input, planned);
    await run.checkpoint();
    run.phase('apply');
    const applied = await apply(run, input, planned);
    return resultOf(run, input, planned, { applied: true, ...applied });
  } catch (error) {
    // The lock of the stack is held from plan to apply: whatever comes between gives it back. Without a worker the lock
    // turns stale when this run is closed, so a failure here must not hide the first one.
    await CancellationScope.nonCancellable(() => releaseStack({ ref: run.ref })).catch(() => undefined);
    throw error;
  }
}

async function approve(run: Run, input: TerraformInput, planned: PlannedStack): Promise<void> {
  if (!input.approval) return;
  run.phase('approval');
  const { approval: policy } = input;
  await run.inStep('approval', () =>
    run.approval({
      gate: 'plan',
      title: `${TITLE[input.action]} ${stackName(input.stack)}: ${planned.shown[0] ?? ''}`,
      policy,
      evidence: planned.planDigest,
      shown: [...planned.shown, ...shownSource(input.stack)],
      conditions: (planned.policies ?? []).map(({ rule, required, observed }): Condition => ({
        name: rule,
        required,
        observed,
        state: 'pass',
        source: 'plan',
        at: new Date().toISOString(),
      })),
      step: 'approval',
    }),
  );
}

async function apply(run: Run, input: TerraformInput, { planDigest }: PlannedStack): Promise<AppliedStack> {
  const { applyPlan } = activitiesFor(input);
  // Runs that were recorded before end with the failure of the apply.
  const keepsUnsaved = asksToPush(input) && patched('push-state');
  const call = { ref: run.ref, input, planDigest };
  try {
    return await run.inStep('apply', () => applyPlan(keepsUnsaved ? { ...call, keepsUnsaved } : call));
  } catch (error) {
    if (!keepsUnsaved) throw error;
    return await saveState(run, { input, planDigest, error, startToClose: startToCloseOf(input) });
  }
}

function resultOf(
  run: Run,
  input: TerraformInput,
  planned: PlannedStack,
  end: { applied: boolean } & Partial<Pick<TerraformResult, 'outputs' | 'stateSerial'>>,
): TerraformResult {
  return {
    runId: run.ref.runId,
    action: input.action,
    planDigest: planned.planDigest,
    applied: end.applied,
    changes: planned.changes,
    outputs: end.outputs ?? planned.outputs,
    stateSerial: end.stateSerial === undefined ? planned.stateSerial : end.stateSerial,
    durationMs: run.elapsedMs(),
    ...sourceOf(input.stack),
  };
}

function asksToPush({ unsavedState, approval }: TerraformInput): boolean {
  return (unsavedState ?? (approval ? 'ask' : 'keep')) === 'ask';
}

type Own = Pick<TerraformActivities, 'planStack' | 'applyPlan' | 'releaseStack'>;

/** `timeout` counts for each command; an attempt runs three or four of them and may wait for the lock twice. */
const startToCloseOf = ({ timeout, lockTimeout, stack }: TerraformInput): number =>
  4 * timeout + 2 * lockTimeout + MARGIN_MS + timeForSource(stack);

function activitiesFor(input: TerraformInput): Own {
  const startToClose = startToCloseOf(input);
  const { planStack } = activities<Pick<TerraformActivities, 'planStack'>>({ startToClose, attempts: 3 });
  // Every failure of the tool ends the run: further attempts are for workers that died or were stopped.
  const { applyPlan } = activities<Pick<TerraformActivities, 'applyPlan'>>({ startToClose, attempts: 10 });
  const { releaseStack } = activities<Pick<TerraformActivities, 'releaseStack'>>({
    startToClose: 30_000,
    heartbeat: false,
    attempts: 3,
    scheduleToClose: 60_000,
  });
  return { planStack, applyPlan, releaseStack };
}

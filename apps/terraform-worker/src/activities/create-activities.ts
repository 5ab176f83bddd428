import { SIGNALS } from '@switchyard/contracts';
import { pinSource } from '@switchyard/git-source';
import { isRunOpen, type RunOwner } from '@switchyard/run-probe';
import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import type { TerraformActivities } from '../workflows/terraform-activities.js';
import { applyPlan } from './apply-plan.js';
import { acknowledgeDrift, checkDrift } from './check-drift.js';
import type { Attempt, RunLocks, TerraformDeps } from './deps.js';
import { planStack } from './plan-stack.js';
import { compareState, pushState } from './push-state.js';
import { releaseStack } from './release-stack.js';

/** What the activities need from the worker; the rest comes with each call. */
export interface WorkerDeps extends Omit<TerraformDeps, 'report' | 'locks'> {
  /** Locks of runs, by what tells whether a holder is still at work. */
  readonly locks: (isRunOpen: (owner: RunOwner) => Promise<boolean>) => RunLocks;
}

/** The activities of the worker. */
export function createActivities(worker: WorkerDeps): TerraformActivities {
  const depsOf = ({ client, log }: Context): TerraformDeps => ({
    ...worker,
    locks: worker.locks((owner) => isRunOpen(client, owner)),
    async report(ref, progress) {
      try {
        await client.workflow.getHandle(ref.workflowId).signal(SIGNALS.progress, progress);
      } catch (error) {
        // The run may have ended meanwhile; the work itself does not depend on being seen.
        log.debug('progress could not be reported', { error });
      }
    },
  });
  const during = <T>(work: (deps: TerraformDeps, attempt: Attempt) => Promise<T>): Promise<T> => {
    const context = Context.current();
    return heartbeatWhile(context, (signal) => work(depsOf(context), { number: context.info.attempt, signal }));
  };
  return {
    pinSource: (input) =>
      during(({ sources, events }, { number, signal }) =>
        pinSource(sources, events, input, { attempt: number, signal }),
      ),
    planStack: (input) => during((deps, attempt) => planStack(deps, input, attempt)),
    applyPlan: (input) => during((deps, attempt) => applyPlan(deps, input, attempt)),
    compareState: (input) => during((deps, attempt) => compareState(deps, input, attempt)),
    pushState: (input) => during((deps, attempt) => pushState(deps, input, attempt)),
    checkDrift: (input) => during((deps, attempt) => checkDrift(deps, input, attempt)),
    acknowledgeDrift: (input) => acknowledgeDrift(worker, input),
    releaseStack: (input) => releaseStack(depsOf(Context.current()), input),
  };
}

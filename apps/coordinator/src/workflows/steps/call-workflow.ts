import { TASK_QUEUES } from '@switchyard/contracts';
import { activities, executeChildOn, fail, type Run } from '@switchyard/workflow-kit';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { CoordinatorActivities } from '../../activities/types.js';
import { childIdOf, type Unit } from './unit.js';

/** The resolved `with` of a step `workflow`. */
interface WorkflowCall {
  readonly type: string;
  readonly taskQueue: string;
  readonly input?: unknown;
  readonly workflowId?: string | undefined;
  readonly startTimeout: number;
}

/**
 * Calls any workflow type on any queue. A queue that nobody polls would keep the run waiting for ever and in silence:
 * it is looked at first.
 * @throws NotFound when no worker polls the queue within `startTimeout`
 */
export async function callWorkflow(run: Run, unit: Unit, call: WorkflowCall): Promise<unknown> {
  const { type, taskQueue, startTimeout } = call;
  if (!Object.values<string>(TASK_QUEUES).includes(taskQueue)) {
    const { awaitPollers } = activities<CoordinatorActivities>({ startToClose: startTimeout + 30_000, attempts: 3 });
    await awaitPollers({ taskQueue, timeoutMs: startTimeout });
  }
  const workflowId = call.workflowId === undefined ? childIdOf(unit) : childIdOf({ ...unit, path: call.workflowId });
  try {
    return await executeChildOn(type, taskQueue, 'input' in call ? [call.input] : [], {
      workflowId,
      under: { run, step: unit.step },
      summary: unit.step,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw fail(
      'InvalidInput',
      `step "${unit.step}": a workflow with the id "${workflowId}" is already running; choose another workflowId`,
    );
  }
}

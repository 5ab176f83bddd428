import { TASK_QUEUES, type HttpResult, type IntegrationActivities, type RulePoll } from '@switchyard/contracts';
import { answeredEvents } from '@switchyard/runbook';
import { activities, type Run } from '@switchyard/workflow-kit';
import { stepFailureOf } from '../step-failure.js';

/** What one look at a metric gave. */
export type Look =
  | { readonly events: readonly Record<string, unknown>[]; readonly problem: null }
  /** Nothing is known: neither that the trouble goes on nor that it is over. */
  | { readonly events: null; readonly problem: string };

/** Time that a look may wait for a worker, in milliseconds: one that comes later than that is of no use. */
const GRACE_MS = 20_000;

/** Looks once. Never throws for what the metric does: the next look is the retry. */
export async function look(run: Run, step: string, poll: RulePoll, number: number): Promise<Look> {
  const { url, headers, timeout } = poll;
  const { httpRequest } = activities<Pick<IntegrationActivities, 'httpRequest'>>({
    taskQueue: TASK_QUEUES.integration,
    startToClose: timeout + GRACE_MS,
    scheduleToClose: timeout + GRACE_MS,
    heartbeat: false,
    attempts: 1,
  });
  try {
    const answer: HttpResult = await httpRequest({
      run: run.ref,
      step,
      effect: `${run.ref.executionId}/look/${number}`,
      input: { url, method: 'GET', headers, expectStatus: [200], timeout },
    });
    return { events: answeredEvents(poll, answer), problem: null };
  } catch (error) {
    return { events: null, problem: stepFailureOf(error).message };
  }
}

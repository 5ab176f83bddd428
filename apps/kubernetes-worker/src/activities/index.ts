import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import { nameOf } from '../manifests/identity.js';
import type { KubernetesActivities, KubernetesCall } from '../workflows/activities.js';
import { applyObjects } from './apply-objects.js';
import type { Attempt } from './attempt.js';
import { awaitGone, awaitReady } from './await-objects.js';
import { deleteObjects, pruneObjects } from './delete-objects.js';
import type { KubernetesPorts } from './ports.js';

export type { KubernetesPorts } from './ports.js';

/** Milliseconds between two reports of one activity: each is a signal in the history of the run. */
const REPORT_EVERY_MS = 3_000;

/** The activities of kubernetes-queue. */
export function createActivities(ports: KubernetesPorts): KubernetesActivities {
  const during = <C extends KubernetesCall, R>(step: string, work: (attempt: Attempt<C>) => Promise<R>) => {
    return (call: C): Promise<R> => {
      const context = Context.current();
      return heartbeatWhile(context, async (signal) => {
        await using api = await ports.openCluster(call.input.context, signal);
        // Awaited here: the connections are closed as soon as this block is left.
        return await work(
          attemptOf(ports, {
            api,
            call,
            step,
            signal,
            number: context.info.attempt,
            since: context.info.scheduledTimestampMs,
          }),
        );
      });
    };
  };
  return {
    applyObjects: during('apply', applyObjects),
    pruneObjects: during('prune', pruneObjects),
    deleteObjects: during('delete', deleteObjects),
    awaitReady: during('ready', awaitReady),
    awaitGone: during('gone', awaitGone),
  };
}

function attemptOf<C extends KubernetesCall>(
  ports: KubernetesPorts,
  given: Pick<Attempt<C>, 'api' | 'signal'> & {
    readonly call: C;
    readonly step: string;
    readonly number: number;
    readonly since: number;
  },
): Attempt<C> {
  const { api, call, step, signal, number, since } = given;
  let reportedAt = 0;
  return {
    api,
    signal,
    roots: ports.roots,
    call: { ...call, attempt: number, waitingSince: since },
    tell: (type, about, message) =>
      ports.events.write({
        runId: call.ref.runId,
        workflowId: call.ref.workflowId,
        step,
        attempt: number,
        source: 'kubernetes',
        type,
        subject: nameOf(about),
        message,
        at: new Date().toISOString(),
      }),
    progress(percent, detail) {
      if (Date.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = Date.now();
      // What is reported is for people; the work does not wait for it.
      void ports.report(call.ref, { step, progress: percent, detail });
    },
  };
}

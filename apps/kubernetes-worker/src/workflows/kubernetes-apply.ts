import {
  kubernetesInputSchema,
  type AppliedObject,
  type KubernetesInput,
  type KubernetesResult,
} from '@switchyard/contracts';
import { activities, failureOf, fail, runWorkflow, type Run } from '@switchyard/workflow-kit';
import { isCancellation } from '@temporalio/workflow';
import type { Applied, KubernetesActivities, KubernetesCall } from './activities.js';

/** An attempt over a set: the objects are many, and each is a request or two. */
const SET_MS = 10 * 60_000;
/** An API server that is being replaced answers again within this many attempts, a minute apart in the end. */
const ATTEMPTS = 10;
/** Waiting has to survive workers that come and go; its end is the time-out of the input. */
const LOST_WORKERS = 30;
const GRACE_MS = 60_000;

/** Applies or deletes a set of objects, and waits until they are ready, or gone. */
export async function KubernetesApplyWorkflow(given: unknown): Promise<KubernetesResult> {
  return runWorkflow({
    kind: 'kubernetes',
    schema: kubernetesInputSchema,
    given,
    what: 'KubernetesApplyWorkflow input',
    describe: (input) => ({ title: titleOf(input), target: targetOf(input), steps: stepsOf(input) }),
    body: (run, input) => (input.action === 'delete' ? remove(run, input) : apply(run, input)),
  });
}

async function apply(run: Run, input: KubernetesInput): Promise<KubernetesResult> {
  const call = callOf(run, input);
  const { objects, manifestDigest } = await inStep(run, 'apply', () => setCalls().applyObjects(call));
  run.step('apply').progress(100, summaryOf(objects));
  const all = [...objects];
  if (input.prune) {
    await run.checkpoint();
    all.push(...(await inStep(run, 'prune', () => setCalls().pruneObjects({ ...call, keep: objects }))));
  }
  const result = (): KubernetesResult => resultOf(run, input, { objects: all, manifestDigest });
  if (input.wait && !input.dryRun) {
    await run.checkpoint();
    try {
      await inStep(run, 'ready', () => waitCalls(input).awaitReady({ ...call, objects }));
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { code, message, details } = failureOf(error);
      const own = typeof details === 'object' && details !== null ? details : {};
      throw fail(code, message, { ...own, ...result() });
    }
  }
  return result();
}

async function remove(run: Run, input: KubernetesInput): Promise<KubernetesResult> {
  const call = callOf(run, input);
  const { objects, manifestDigest } = await inStep(run, 'delete', () => setCalls().deleteObjects(call));
  if (input.wait && !input.dryRun) {
    await run.checkpoint();
    const deleted = objects.filter(({ change }) => change === 'deleted');
    await inStep(run, 'gone', () => waitCalls(input).awaitGone({ ...call, objects: deleted }));
  }
  return resultOf(run, input, { objects, manifestDigest });
}

const setCalls = () =>
  activities<Pick<KubernetesActivities, 'applyObjects' | 'pruneObjects' | 'deleteObjects'>>({
    startToClose: SET_MS,
    attempts: ATTEMPTS,
  });

const waitCalls = ({ timeout }: KubernetesInput) =>
  activities<Pick<KubernetesActivities, 'awaitReady' | 'awaitGone'>>({
    startToClose: timeout + GRACE_MS,
    attempts: LOST_WORKERS,
  });

const callOf = (run: Run, input: KubernetesInput): KubernetesCall => ({
  ref: run.ref,
  input,
  startedAt: run.startedAt.toISOString(),
});

function inStep<T>(run: Run, id: string, work: () => Promise<T>): Promise<T> {
  run.phase(id);
  return run.inStep(id, work);
}

function resultOf(
  run: Run,
  { action, dryRun }: KubernetesInput,
  { objects, manifestDigest }: Applied,
): KubernetesResult {
  return {
    runId: run.ref.workflowId,
    action,
    dryRun,
    objects: [...objects],
    manifestDigest,
    durationMs: run.elapsedMs(),
  };
}

function summaryOf(objects: readonly AppliedObject[]): string {
  const counts = new Map<string, number>();
  for (const { change } of objects) counts.set(change, (counts.get(change) ?? 0) + 1);
  return [...counts].map(([change, count]) => `${count} ${change}`).join(', ');
}

const targetOf = ({ manifests, set, namespace }: KubernetesInput): string =>
  set ?? manifests.path ?? `${manifests.objects?.length ?? 0} objects in ${namespace}`;

function titleOf(input: KubernetesInput): string {
  const verb = input.action === 'delete' ? 'Delete' : 'Apply';
  return `${verb} ${targetOf(input)}${input.dryRun ? ' (dry run)' : ''}`;
}

function stepsOf({ action, prune, wait, dryRun }: KubernetesInput): { id: string; title: string }[] {
  const waits = wait && !dryRun;
  if (action === 'delete') {
    return [{ id: 'delete', title: 'Delete objects' }, ...(waits ? [{ id: 'gone', title: 'Wait until gone' }] : [])];
  }
  return [
    { id: 'apply', title: 'Apply objects' },
    ...(prune ? [{ id: 'prune', title: 'Prune the set' }] : []),
    ...(waits ? [{ id: 'ready', title: 'Wait until ready' }] : []),
  ];
}

import {
  DEFAULT_LOCK_TIMEOUT_MS,
  MEMO,
  type LockActivities,
  type LockHolder,
  type LockRequest,
} from '@switchyard/contracts';
import { ActivityFailure } from '@temporalio/common';
import { CancellationScope, ContinueAsNew, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import { activities } from './activities.js';
import { fail, failureOf } from './failure.js';
import type { Run } from './run.js';

/** The step in which a run takes its locks. No step of a runbook can have this id. */
const LOCKS_STEP = { id: 'run:locks', title: 'Take locks' } as const;

/** Locks that a run needs. */
export interface LocksWanted {
  /** Empty: it works without. */
  readonly names: readonly string[];
  /** Milliseconds to wait; default 15 minutes, 0 for not at all. */
  readonly timeout?: number | undefined;
  /** What for, in words for people. */
  readonly reason: string;
  /** Whether an execution before this one, which continued as new, took them. */
  readonly isHeld?: boolean;
}

/** What the time-out over all attempts comes to: the last of them, or the time-out itself. */
const OVER: readonly string[] = ['LockUnavailable', 'TimedOut'];

/** Milliseconds between two looks of a run that waits, at most. */
const LOOK_EVERY_MS = 5_000;
/** How long the end of a run waits for the store. A lock that stays behind is taken away by the next who wants it. */
const RETURN_WITHIN_MS = 60_000;

/** The step for a run that names locks; none for others. */
export const lockSteps = (names: readonly string[] | undefined): { readonly id: string; readonly title: string }[] =>
  names === undefined || names.length === 0 ? [] : [{ ...LOCKS_STEP }];

/** The executions whose locks count as those of a child that this workflow starts. */
export function locksAbove(run: Run | undefined): readonly string[] {
  const above = aboveThis();
  return run?.holdsLocks ? [...above, run.ref.executionId] : above;
}

const aboveThis = (): readonly string[] => (workflowInfo().memo?.[MEMO.locksAbove] as string[] | undefined) ?? [];

/**
 * Works under locks: takes all of them or none, and gives them back at the end, whatever that is. While others hold one
 * the status tells who, what for and since when. What a run above holds counts as held: it would wait for itself.
 * @throws LockUnavailable with the holders after the time-out
 */
export async function withLocks<R>(run: Run, wanted: LocksWanted, work: () => Promise<R>): Promise<R> {
  if (wanted.names.length === 0) return work();
  let isLeft = true;
  try {
    if (!wanted.isHeld) await take(run, wanted);
    run.holdsLocks = true;
    return await work();
  } catch (error) {
    // The next execution of this run goes on under them.
    isLeft = !(error instanceof ContinueAsNew);
    throw error;
  } finally {
    if (isLeft) await giveBack(run, wanted.names);
  }
}

function take(run: Run, { names, timeout = DEFAULT_LOCK_TIMEOUT_MS, reason }: LocksWanted): Promise<void> {
  const { id, title } = LOCKS_STEP;
  const until = Date.now() + timeout;
  const request = { ref: run.ref, names, reason, above: aboveThis() };
  return run.inStep(
    id,
    async () => {
      let found = await look().takeLocks({ ...request, seen: null });
      while (!found.isTaken) {
        const { holders: seen } = found;
        if (Date.now() >= until) throw unavailable(names, seen, timeout);
        tellHolders(run, seen);
        const name = seen[0]?.name ?? names[0] ?? '';
        // oxlint-disable-next-line no-await-in-loop -- one wait after the other
        found = await run.waitFor({ kind: 'lock', name }, () => waitFor({ ...request, seen }, until));
      }
      run.step(id).progress(100, names.join(', '));
    },
    { title },
  );
}

/** Waits until the locks are taken, others hold them, or the time is over: `until`, in milliseconds since 1970. */
async function waitFor(request: LockRequest, until: number): ReturnType<LockActivities['takeLocks']> {
  try {
    return await look(until - Date.now()).takeLocks(request);
  } catch (error) {
    const isOver = error instanceof ActivityFailure && OVER.includes(failureOf(error).code);
    if (isCancellation(error) || !isOver) throw error;
    // The server gives up as soon as no further attempt would end in time.
    await sleep(Math.max(0, until - Date.now()));
    return look().takeLocks({ ...request, seen: null });
  }
}

/** @param within milliseconds for all attempts; default: until it is answered */
const look = (within?: number): LockActivities =>
  activities<LockActivities>({
    startToClose: 10_000,
    heartbeat: false,
    attempts: Infinity,
    maxRetryDelay: LOOK_EVERY_MS,
    ...(within === undefined ? {} : { scheduleToClose: within }),
  });

async function giveBack(run: Run, names: readonly string[]): Promise<void> {
  run.holdsLocks = false;
  try {
    await CancellationScope.nonCancellable(() => look(RETURN_WITHIN_MS).returnLocks({ ref: run.ref, names }));
  } catch {
    run.warn(`could not give back ${names.join(', ')}; the next run that wants them takes them from this one`);
  }
}

function tellHolders(run: Run, seen: readonly LockHolder[]): void {
  const message = showHolders(seen);
  run.step(LOCKS_STEP.id).waiting(message);
  run.event({ source: 'run', type: 'lock_waiting', step: LOCKS_STEP.id, message, data: { holders: seen } });
}

const showHolders = (seen: readonly LockHolder[]): string =>
  seen.map(({ name, workflowId, since, reason }) => `${workflowId} has ${name} since ${since} (${reason})`).join('; ');

function unavailable(names: readonly string[], seen: readonly LockHolder[], timeout: number): Error {
  return fail(
    'LockUnavailable',
    `${names.join(', ')} not free within ${timeout} ms: ${showHolders(seen) || 'others were faster'}`,
    { names, blockedBy: seen },
  );
}

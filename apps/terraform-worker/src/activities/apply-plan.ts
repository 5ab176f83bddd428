import { CodedError, type RunRef, type TerraformInput, type TerraformResult } from '@switchyard/contracts';
import type { PlanManifest } from '../plan/manifest.js';
import { unsavedStateOf } from '../plan/unsaved-file.js';
import { hasState } from '../stack/state-document.js';
import { diagnose } from '../tool/diagnose.js';
import { makeReady, placePlan, readState, runApply, type ReadyStack } from './commands.js';
import type { Attempt, TerraformDeps } from './deps.js';
import { endLeftovers } from './end-leftovers.js';
import { keepOutputs } from './outputs.js';
import {
  fetchManifest,
  fetchPlan,
  placeLockFile,
  refuseChangedConfiguration,
  refuseChangedState,
} from './plan-bundle.js';
import { createProgress } from './progress.js';
import { reconcile, type Continuation } from './reconcile.js';
import { releaseStack } from './release-stack.js';
import { createResourceRecord, type ResourceRecord } from './resource-record.js';
import { openSession, type Session } from './session.js';
import { keepUnsavedState, putAsideUnsavedState, refuseUnsavedState } from './unsaved-state-file.js';

/** Input of the activity `applyPlan`. */
export interface ApplyPlanInput {
  readonly ref: RunRef;
  readonly input: TerraformInput;
  /** Digest of the plan that was shown and approved. */
  readonly planDigest: string;
  /** Keeps the stack when its state could not be saved: the run asks people whether to push it. */
  readonly keepsUnsaved?: boolean;
}

/** What an apply left. */
export interface AppliedStack {
  readonly outputs: TerraformResult['outputs'];
  readonly stateSerial: number | null;
}

/**
 * Applies exactly the plan of a digest, on whichever worker this is. The first attempt applies it only to the state and
 * configuration that it was made from; a later one (the worker died, or was stopped) first finds out what was done.
 */
export async function applyPlan(
  deps: TerraformDeps,
  { ref, input, planDigest, keepsUnsaved = false }: ApplyPlanInput,
  attempt: Attempt,
): Promise<AppliedStack> {
  if (attempt.number > 1) await endLeftovers(ref.executionId, attempt.signal);
  const record = createResourceRecord(deps.ledger, ref, attempt.number);
  let advance: (detail: string) => void = () => undefined;
  const session = await openSession(deps, {
    ref,
    input,
    step: 'apply',
    attempt,
    onMessage(message) {
      record.take(message);
      if (message.type === 'apply_complete') advance(message['@message']);
    },
  });
  let isOver = false;
  try {
    const manifest = await fetchManifest(deps, session, planDigest);
    await placeLockFile(deps, session, manifest);
    const ready = await makeReady(session, manifest.lockFile !== null);
    refuseChangedConfiguration(session, manifest, ready);
    const progress = createProgress({ ref, step: 'apply', total: manifest.resources.length, report: deps.report });
    advance = (detail) => progress.advance(session.mask.mask(detail));

    let next: Continuation;
    if (attempt.number > 1) {
      await refuseUnsavedState(deps, session, manifest);
      next = await reconcile(deps, session, ready, manifest);
    } else {
      await putAsideUnsavedState(session);
      // Only the local backend can be asked without a process; the tool itself refuses a stale plan for all of them.
      if (ready.backend.stateFile !== null) refuseChangedState(session, manifest, await readState(session, ready));
      const file = await placePlan(session, await fetchPlan(deps, session, manifest));
      next = { kind: 'apply', file, applyTimeVariables: manifest.applyTimeVariables };
    }
    if (next.kind === 'apply') await apply(deps, session, { ready, manifest, plan: next, record });
    const state = await readState(session, ready);
    const outputs = await keepOutputs({ state, ref, mask: session.mask, artifacts: deps.artifacts });
    isOver = true;
    return { outputs, stateSerial: hasState(state) ? state.serial : null };
  } catch (error) {
    const failure = error instanceof CodedError ? retryLocked(error, attempt) : error;
    isOver = failure instanceof CodedError && !failure.retryable && !(keepsUnsaved && unsavedStateOf(failure));
    throw failure;
  } finally {
    await session.close();
    await Promise.all([deps.events.flush(), ...(isOver ? [releaseStack(deps, { ref })] : [])]);
  }
}

/** An earlier attempt on a machine that is cut off may still be saving its state: its lock goes away by itself. */
function retryLocked(error: CodedError, attempt: Attempt): CodedError {
  if (error.code !== 'TerraformStateLocked' || attempt.number === 1) return error;
  return new CodedError(error.code, error.message, { details: error.details, cause: error, retryable: true });
}

interface Apply {
  readonly ready: ReadyStack;
  readonly manifest: PlanManifest;
  readonly plan: Extract<Continuation, { kind: 'apply' }>;
  readonly record: ResourceRecord;
}

async function apply(deps: TerraformDeps, session: Session, { ready, manifest, plan, record }: Apply): Promise<void> {
  try {
    const outcome = await runApply(session, ready, plan).catch(async (error: unknown) => {
      // It was interrupted, and may have been unable to save what it had made until then.
      // A store that is away leaves the file where it is, and the first cause counts.
      await keepUnsavedState(deps, session, manifest).catch(() => undefined);
      throw error;
    });
    if (outcome.exitCode === 0) return;
    throw diagnose({
      command: 'apply',
      stack: session.input.stack.path,
      ...outcome,
      details: {
        applied: record.applied.slice(0, MOST_NAMED),
        failed: record.failed.slice(0, MOST_NAMED),
        ...(await keepUnsavedState(deps, session, manifest)),
      },
    });
  } finally {
    // Also when it was cancelled: what it did until then must be known before anybody tries again.
    await record.settle();
  }
}

const MOST_NAMED = 100;

import { CodedError, type RunRef, type TerraformInput } from '@switchyard/contracts';
import type { PlanManifest } from '../plan/manifest.js';
import { reconciliationOf } from '../plan/reconciliation.js';
import {
  encodeStatePush,
  evidenceOf,
  isSaved,
  statePushOf,
  summariseStatePush,
  type PushTarget,
} from '../plan/unsaved-state.js';
import { parseState, type StateDocument } from '../stack/state-document.js';
import { makeReady, pushState as push, readState, type ReadyStack } from './commands.js';
import type { Attempt, TerraformDeps } from './deps.js';
import { endLeftovers } from './end-leftovers.js';
import { addLockFile, fetchManifest } from './plan-bundle.js';
import { keepReport } from './reconcile.js';
import { openSession, type Session } from './session.js';
import { removeUnsavedState } from './unsaved-state-file.js';

/** Input of the activity `compareState`. */
export interface CompareStateInput {
  readonly ref: RunRef;
  readonly input: TerraformInput;
  readonly planDigest: string;
  /** Digest of the unsaved state. */
  readonly artifact: string;
}

/** What people are shown before an unsaved state is pushed. */
export interface ShownPush {
  /** Null when the backend holds the state already: somebody pushed it by hand. */
  readonly evidence: string | null;
  readonly shown: readonly string[];
}

/**
 * Compares an unsaved state with what its backend holds now, on whichever worker this is. A backend that cannot be read
 * is asked again: that it is out of reach is the usual reason for an unsaved state.
 */
export async function compareState(
  deps: TerraformDeps,
  { ref, input, planDigest, artifact }: CompareStateInput,
  attempt: Attempt,
): Promise<ShownPush> {
  return withStates(
    deps,
    { ref, input, planDigest, artifact, attempt },
    async ({ session, unsaved, saved, target }) => {
      if (isSaved(unsaved, saved)) return { evidence: null, shown: [] };
      const plan = statePushOf(target, unsaved, saved);
      const shown = summariseStatePush(plan).map((line) => session.mask.mask(line));
      const document = { runId: ref.runId, kind: 'terraform-state-push', name: 'state-push.json' };
      await deps.artifacts.put({ ...document, contentType: 'application/json', content: encodeStatePush(plan) });
      return { evidence: evidenceOf(plan), shown };
    },
  );
}

/** Input of the activity `pushState`. */
export interface PushStateInput extends CompareStateInput {
  /** Digest of what was shown and approved. */
  readonly evidence: string;
}

/** What came of a push. */
export type StatePushed =
  | { readonly kind: 'moved' }
  | {
      readonly kind: 'saved';
      readonly stateSerial: number;
      /** How the ledger of the apply and the saved state belong together. */
      readonly verdict: string;
      /** The report of that, by its name. */
      readonly artifacts: Readonly<Record<string, string>>;
    };

/**
 * Pushes exactly the state that was shown over exactly the state that was shown. A backend that holds it already is
 * what an attempt with a lost answer leaves.
 * @returns `moved` when the backend holds another state than was shown: it has to be shown and approved anew
 */
export async function pushState(
  deps: TerraformDeps,
  { ref, input, planDigest, artifact, evidence }: PushStateInput,
  attempt: Attempt,
): Promise<StatePushed> {
  return withStates(deps, { ref, input, planDigest, artifact, attempt }, async (states) => {
    const { session, ready, bytes, unsaved, manifest, target } = states;
    let { saved } = states;
    if (!isSaved(unsaved, saved)) {
      const plan = statePushOf(target, unsaved, saved);
      if (evidenceOf(plan) !== evidence) return { kind: 'moved' };
      await push(session, ready, { bytes, isForced: plan.overwrites });
      saved = await readState(session, ready);
      if (!isSaved(unsaved, saved)) {
        throw new CodedError(
          'TerraformApplyFailed',
          `the backend of "${input.stack.path}" does not hold what was pushed`,
        );
      }
    }
    await session.tell({
      type: 'state_pushed',
      message: `the state is saved with serial ${saved.serial}`,
      data: { artifact, stateSerial: saved.serial },
    });
    await removeUnsavedState(session, artifact);
    const planned = manifest.resources.map(({ address }) => address);
    const found = reconciliationOf(planned, await deps.ledger.of(ref.executionId), saved);
    const artifacts = await keepReport(deps, session, found);
    return { kind: 'saved', stateSerial: saved.serial, verdict: found.verdict, artifacts };
  });
}

interface States {
  readonly session: Session;
  readonly ready: ReadyStack;
  readonly manifest: PlanManifest;
  readonly bytes: Buffer;
  readonly unsaved: StateDocument;
  readonly saved: StateDocument;
  readonly target: PushTarget;
}

/** Reads both states under the lock of the stack, which the run keeps. */
async function withStates<T>(
  deps: TerraformDeps,
  options: CompareStateInput & { readonly attempt: Attempt },
  work: (states: States) => Promise<T>,
): Promise<T> {
  const { ref, input, planDigest, artifact, attempt } = options;
  if (attempt.number > 1) await endLeftovers(ref.executionId, attempt.signal);
  const session = await openSession(deps, { ref, input, step: 'push-state', attempt });
  try {
    const manifest = await fetchManifest(deps, session, planDigest);
    await addLockFile(deps, session, manifest);
    const ready = await makeReady(session, false);
    const bytes = await deps.artifacts.read(artifact);
    const unsaved = unsavedStateIn(bytes);
    const saved = await readState(session, ready);
    const target = {
      artifact,
      stack: session.stack.identity,
      workspace: input.workspace,
      backend: ready.backend.type,
      configuration: ready.configuration,
    };
    return await work({ session, ready, manifest, bytes, unsaved, saved, target });
  } catch (error) {
    if (!(error instanceof CodedError) || !OUT_OF_REACH.has(error.code)) throw error;
    const { code, message, details } = error;
    await deps.report(ref, { step: 'push-state', progress: 0, detail: message });
    throw new CodedError(code, message, { details, cause: error, retryable: true });
  } finally {
    await session.close();
    await deps.events.flush();
  }
}

/** What the tool left is cut off where the disk was full, for example: no attempt makes it whole. */
function unsavedStateIn(bytes: Buffer): StateDocument {
  try {
    return parseState(bytes.toString('utf8'), 'the file that the tool left');
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('TerraformApplyFailed', message, { retryable: false, cause });
  }
}

/** What a backend that is out of reach, or held by somebody else, makes of the commands here. Nothing is lost by another attempt. */
const OUT_OF_REACH: ReadonlySet<string> = new Set([
  'TerraformInitFailed',
  'TerraformPlanFailed',
  'TerraformStateLocked',
]);

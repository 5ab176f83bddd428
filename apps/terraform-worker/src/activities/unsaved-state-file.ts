import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, type RunRef } from '@switchyard/contracts';
import { sha256, type PlanManifest } from '../plan/manifest.js';
import { ERRORED_STATE, pushByHand, unsavedFile } from '../plan/unsaved-file.js';
import { parseState } from '../stack/state-document.js';
import type { TerraformDeps } from './deps.js';
import type { Session } from './session.js';

const KIND = 'terraform-errored-state';
/** By its execution: a run of many stacks keeps one for each. */
const nameOf = ({ executionId }: RunRef): string => `errored-${executionId}.tfstate`;

/**
 * Keeps the state that an apply of this plan could not save: as an artifact, and beside the configuration under a name
 * of its own.
 * @returns its digest; nothing when there is none, or when it is that of another stack or workspace
 */
export async function keepUnsavedState(
  deps: TerraformDeps,
  session: Session,
  manifest: PlanManifest,
): Promise<{ erroredState?: string }> {
  const file = path.join(session.stack.directory, ERRORED_STATE);
  const content = await readFile(file, 'utf8').catch(() => undefined);
  if (content === undefined || !isOf(manifest, content)) return {};
  const artifact = { runId: session.ref.runId, kind: KIND, name: nameOf(session.ref) };
  const { digest } = await deps.artifacts.put({ ...artifact, contentType: 'application/json', content });
  // Only then: an attempt that comes after a death on this line finds one or the other.
  await rename(file, path.join(session.stack.directory, unsavedFile(digest)));
  await session.tell({
    type: 'state_not_saved',
    level: 'error',
    message: `the state could not be saved to its backend; ${pushByHand(digest, session.tool.engine.name)}`,
    data: { artifact: digest },
  });
  return { erroredState: digest };
}

/** A file that is no state is what the tool has left all the same: people have to see it. */
function isOf({ state }: PlanManifest, content: string): boolean {
  try {
    const { lineage } = parseState(content, ERRORED_STATE);
    return state.lineage === '' || lineage === '' || lineage === state.lineage;
  } catch {
    return true;
  }
}

/**
 * Ends an apply whose earlier attempt could not save its state: the backend does not know what it made, so going on
 * from there would make it twice.
 */
export async function refuseUnsavedState(deps: TerraformDeps, session: Session, manifest: PlanManifest): Promise<void> {
  const { runId } = session.ref;
  const { erroredState = await deps.artifacts.find({ runId, kind: KIND, name: nameOf(session.ref) }) } =
    await keepUnsavedState(deps, session, manifest);
  if (erroredState === undefined) return;
  throw new CodedError(
    'TerraformApplyFailed',
    `the interrupted apply of "${session.input.stack.path}" could not save its state`,
    { retryable: false, details: { erroredState } },
  );
}

/** Puts aside what somebody else's apply left, before this one could take it for its own or the tool overwrite it. */
export async function putAsideUnsavedState(session: Session): Promise<void> {
  const file = path.join(session.stack.directory, ERRORED_STATE);
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return;
  const name = unsavedFile(sha256(content));
  await rename(file, path.join(session.stack.directory, name));
  await session.tell({
    type: 'foreign_unsaved_state',
    level: 'warning',
    message: `an earlier apply outside of this run could not save its state and left ${ERRORED_STATE}: it is now ${name}; push it or remove it`,
    data: { file: name },
  });
}

/** Removes what is saved now: it holds every secret of the stack in clear text. */
export async function removeUnsavedState(session: Session, digest: string): Promise<void> {
  await rm(path.join(session.stack.directory, unsavedFile(digest)), { force: true });
}

import { CodedError } from '@switchyard/contracts';
import { beyondApproval, changesOf } from '../plan/changes.js';
import type { PlanManifest } from '../plan/manifest.js';
import { applyTimeVariables } from '../plan/plan-document.js';
import { addressesOf, type StateDocument } from '../stack/state-document.js';
import { makePlan, placePlan, readState, type ReadyStack } from './commands.js';
import type { LedgerEntry, TerraformDeps } from './deps.js';
import { fetchPlan, isSameState } from './plan-bundle.js';
import type { Session } from './session.js';

/** What an attempt that follows an interrupted apply has to do. */
export type Continuation =
  | { readonly kind: 'apply'; readonly file: string; readonly applyTimeVariables: readonly string[] }
  | { readonly kind: 'finished' };

/** An object that an apply began to create and that no state knows. */
export interface Orphan {
  readonly address: string;
  readonly id: string | null;
  /** Whether the provider said that it was created; otherwise it may or may not exist. */
  readonly isCreated: boolean;
  /** The block that takes it into the state; null without an id. */
  readonly importBlock: string | null;
}

/** Kept in the state and nowhere else: a second one costs nothing and leaves nothing behind. */
const WITHOUT_OBJECT = /(^|\.)terraform_data\./;

/**
 * Objects that the ledger of an execution saw begin and that the state does not hold: the tool was killed before it
 * could save. Applying again would create them twice.
 */
export function orphansOf(ledger: readonly LedgerEntry[], state: StateDocument): Orphan[] {
  const known = addressesOf(state);
  return ledger
    .filter(({ action, state: reached }) => action === 'create' && reached !== 'failed')
    .filter(({ address }) => !known.has(address) && !WITHOUT_OBJECT.test(address))
    .map(({ address, resourceId, state: reached }) => ({
      address,
      id: resourceId,
      isCreated: reached === 'completed',
      importBlock: resourceId === null ? null : `import {\n  to = ${address}\n  id = ${JSON.stringify(resourceId)}\n}`,
    }));
}

/**
 * Finds out how far an interrupted apply came and what is left of it. The plan itself is applied only while the state
 * is untouched; else a new plan has to be empty (all was done) or the rest of the approved one. Nothing that was not
 * approved is ever applied.
 */
export async function reconcile(
  deps: TerraformDeps,
  session: Session,
  ready: ReadyStack,
  manifest: PlanManifest,
): Promise<Continuation> {
  const state = await readState(session, ready);
  refuseOrphans(session, orphansOf(await deps.ledger.of(session.ref.executionId), state));
  if (isSameState(manifest, state)) {
    await session.tell({
      type: 'apply_again',
      message: 'the interrupted apply changed nothing: the plan is applied again',
    });
    const file = await placePlan(session, await fetchPlan(deps, session, manifest));
    return { kind: 'apply', file, applyTimeVariables: manifest.applyTimeVariables };
  }
  const rest = await makePlan(session, ready);
  if (!rest.hasChanges || rest.document === null) {
    await session.tell({ type: 'apply_was_complete', message: 'the interrupted apply had done everything' });
    return { kind: 'finished' };
  }
  const changes = changesOf(rest.document.resource_changes);
  const grown = beyondApproval(manifest.resources, changes);
  if (grown.length > 0) {
    const named = grown.slice(0, 5).map(({ address, action }) => `${action} ${address}`);
    throw new CodedError(
      'TerraformPlanStale',
      `the interrupted apply of "${session.input.stack.path}" cannot go on: what is left was not approved (${named.join(', ')}). Start a new run: it plans and asks again`,
      { details: { notApproved: grown, stateSerial: state.serial } },
    );
  }
  await session.tell({
    type: 'apply_continued',
    message: `the interrupted apply goes on with the ${changes.length} approved changes that are left`,
    data: { left: changes.map(({ address, action }) => ({ address, action })).slice(0, 200) },
  });
  return { kind: 'apply', file: rest.file, applyTimeVariables: applyTimeVariables(rest.document) };
}

function refuseOrphans(session: Session, orphans: readonly Orphan[]): void {
  if (orphans.length === 0) return;
  const named = orphans.slice(0, 5).map(({ address, id }) => (id === null ? address : `${address} (${id})`));
  throw new CodedError(
    'TerraformApplyFailed',
    `the apply of "${session.input.stack.path}" was killed before its state was saved: ${named.join(', ')} may exist without being in the state. Import or delete them, then start a new run`,
    { retryable: false, details: { orphans } },
  );
}

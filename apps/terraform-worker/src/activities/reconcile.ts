import { CodedError } from '@switchyard/contracts';
import { beyondApproval, changesOf } from '../plan/changes.js';
import type { PlanManifest } from '../plan/manifest.js';
import { applyTimeVariables } from '../plan/plan-document.js';
import { proposalFiles, reconciliationOf, type Reconciliation } from '../plan/reconciliation.js';
import { makePlan, placePlan, readState, type ReadyStack } from './commands.js';
import type { TerraformDeps } from './deps.js';
import { fetchPlan, isSameState } from './plan-bundle.js';
import type { Session } from './session.js';

/** What an attempt that follows an interrupted apply has to do. */
export type Continuation =
  | { readonly kind: 'apply'; readonly file: string; readonly applyTimeVariables: readonly string[] }
  | { readonly kind: 'finished' };

/**
 * Finds out how far an interrupted apply came and what is left of it. The plan itself is applied only while the state
 * is untouched; else a new plan has to be empty (all was done) or the rest of the approved one. Nothing that was not
 * approved is ever applied. What was found is kept as artifacts, with proposals in the form in which the tool takes them.
 */
export async function reconcile(
  deps: TerraformDeps,
  session: Session,
  ready: ReadyStack,
  manifest: PlanManifest,
): Promise<Continuation> {
  const state = await readState(session, ready);
  const planned = manifest.resources.map(({ address }) => address);
  const found = reconciliationOf(planned, await deps.ledger.of(session.ref.executionId), state);
  refuseOrphans(session, found, await keepReport(deps, session, found));
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

/** Keeps report and proposals. @returns the digest of each by its name */
export async function keepReport(
  deps: TerraformDeps,
  session: Session,
  found: Reconciliation,
): Promise<Readonly<Record<string, string>>> {
  const kept = await Promise.all(
    proposalFiles(found).map(async (file) => {
      const { runId } = session.ref;
      const { digest } = await deps.artifacts.put({ runId, kind: 'terraform-reconciliation', ...file });
      return [file.name, digest] as const;
    }),
  );
  const { verdict, begun, completed, tainted, orphans } = found;
  await session.tell({
    type: 'apply_reconciled',
    level: verdict === 'clean' ? 'info' : 'warning',
    message: `the interrupted apply is ${verdict}: ${completed} of ${begun} begun changes completed, ${tainted.length} half-made, ${orphans.length} in no state`,
    data: { verdict, artifacts: Object.fromEntries(kept) },
  });
  return Object.fromEntries(kept);
}

function refuseOrphans(
  session: Session,
  { orphans }: Reconciliation,
  artifacts: Readonly<Record<string, string>>,
): void {
  if (orphans.length === 0) return;
  const named = orphans.slice(0, 5).map(({ address, id }) => (id === null ? address : `${address} (${id})`));
  throw new CodedError(
    'TerraformApplyFailed',
    `the apply of "${session.input.stack.path}" was killed before its state was saved: ${named.join(', ')} may exist without being in the state. Import or delete them, then start a new run`,
    { retryable: false, details: { orphans: orphans.slice(0, MOST_NAMED), artifacts } },
  );
}

/** Failure details travel through workflow history; the report holds all of them. */
const MOST_NAMED = 100;

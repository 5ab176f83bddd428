import { addressesOf, taintedIn, type StateDocument } from '../stack/state-document.js';

/** What an apply began and ended, as the ledger kept it. */
export interface BegunChange {
  readonly address: string;
  readonly action: string;
  readonly state: 'started' | 'completed' | 'failed';
  readonly resourceId: string | null;
}

/** An object that an apply began to create and that no state knows. */
export interface Orphan {
  readonly address: string;
  readonly id: string | null;
  /** Whether the provider said that it was created; otherwise it may or may not exist. */
  readonly isCreated: boolean;
  /** The block that takes it into the state; null without an id. */
  readonly importBlock: string | null;
}

/** An object that an interrupted apply left half-made. */
export interface Tainted {
  readonly address: string;
  /** The argument that makes it anew, for a plan by hand. */
  readonly argument: string;
}

/** How the ledger of an interrupted apply and the state belong together. */
export interface Reconciliation {
  /** `orphaned` wins over `tainted`: it needs people. */
  readonly verdict: 'clean' | 'tainted' | 'orphaned';
  readonly stateSerial: number;
  readonly begun: number;
  readonly completed: number;
  readonly tainted: readonly Tainted[];
  readonly orphans: readonly Orphan[];
}

/** Kept in the state and nowhere else: a second one costs nothing and leaves nothing behind. */
const WITHOUT_OBJECT = /(^|\.)terraform_data\./;

/**
 * Objects that the ledger of an execution saw begin and that the state does not hold: the tool was killed before it
 * could save. Applying again would create them twice.
 */
export function orphansOf(ledger: readonly BegunChange[], state: StateDocument): Orphan[] {
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
 * Compares what an apply was to do, and what it began and ended, with what the state holds.
 * @param planned addresses of the approved plan
 */
export function reconciliationOf(
  planned: readonly string[],
  ledger: readonly BegunChange[],
  state: StateDocument,
): Reconciliation {
  const orphans = orphansOf(ledger, state);
  // By the plan, because a worker that was killed has not written the last lines of its ledger.
  const own = new Set(planned);
  const tainted = [...taintedIn(state)]
    .filter((address) => own.has(address))
    .map((address) => ({ address, argument: `-replace=${address}` }));
  return {
    verdict: orphans.length > 0 ? 'orphaned' : tainted.length > 0 ? 'tainted' : 'clean',
    stateSerial: state.serial,
    begun: ledger.length,
    completed: ledger.filter(({ state: reached }) => reached === 'completed').length,
    tainted,
    orphans,
  };
}

/** A file that a run keeps for people. */
export interface ProposalFile {
  readonly name: string;
  readonly contentType: string;
  readonly content: string;
}

/** The report, and what it proposes in the form in which the tool takes it. */
export function proposalFiles(reconciliation: Reconciliation): ProposalFile[] {
  const { tainted, orphans } = reconciliation;
  const imports = orphans.flatMap(({ importBlock }) => importBlock ?? []);
  const file = (name: string, contentType: string, lines: readonly string[]): ProposalFile[] =>
    lines.length === 0 ? [] : [{ name, contentType, content: `${lines.join('\n')}\n` }];
  return [
    ...file('reconciliation.json', 'application/json', [JSON.stringify(reconciliation, null, 2)]),
    ...file('imports.tf', 'text/plain', imports),
    ...file(
      'replacements.txt',
      'text/plain',
      tainted.map(({ argument }) => argument),
    ),
  ];
}

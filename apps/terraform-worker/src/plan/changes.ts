import type { PlanChanges } from '@switchyard/contracts';
import type { ResourceChange } from './plan-document.js';

/** What happens to one resource object. */
export const CHANGE_ACTIONS = ['create', 'update', 'replace', 'delete', 'forget', 'import', 'move'] as const;
export type ChangeAction = (typeof CHANGE_ACTIONS)[number];

/** One change of a plan, without any value. */
export interface Change {
  readonly address: string;
  readonly action: ChangeAction;
  /** Key of an object that a replacement left behind, to be deleted. */
  readonly deposed: string | null;
  /** Why, in the tool's words: `replace_because_tainted`. */
  readonly reason: string | null;
}

/** The action of one entry of a plan; undefined when nothing happens (no-op, a data source that is read). */
export function actionOf({ mode, change, address, previous_address }: ResourceChange): ChangeAction | undefined {
  if (mode === 'data') return undefined;
  const { actions } = change;
  if (actions.includes('delete') && actions.includes('create')) return 'replace';
  if (actions.includes('create')) return 'create';
  if (actions.includes('delete')) return 'delete';
  if (actions.includes('update')) return 'update';
  if (actions.includes('forget')) return 'forget';
  if (change.importing !== undefined && change.importing !== null) return 'import';
  return previous_address !== undefined && previous_address !== address ? 'move' : undefined;
}

/** Every change of a plan, in the order of the plan. */
export function changesOf(entries: readonly ResourceChange[]): Change[] {
  return entries.flatMap((entry) => {
    const action = actionOf(entry);
    if (action === undefined) return [];
    return [{ address: entry.address, action, deposed: entry.deposed ?? null, reason: entry.action_reason ?? null }];
  });
}

/**
 * Counts changes as the tool does: a replacement adds one and destroys one. `replace` says how many of them there are.
 */
export function countChanges(changes: readonly Change[]): PlanChanges {
  const count = (...actions: ChangeAction[]): number => changes.filter(({ action }) => actions.includes(action)).length;
  return {
    add: count('create', 'replace'),
    change: count('update'),
    destroy: count('delete', 'replace'),
    replace: count('replace'),
  };
}

/** What may follow of an approved change after an interruption, so that it is still the change that was approved. */
const CONTINUES: Readonly<Record<ChangeAction, readonly ChangeAction[]>> = {
  // A creation that was interrupted half-way left a tainted object: replacing that one finishes the creation.
  create: ['create', 'replace', 'import'],
  update: ['update'],
  replace: ['replace', 'create', 'delete'],
  delete: ['delete'],
  forget: ['forget'],
  import: ['import', 'update'],
  move: ['move'],
};

/** Why a new plan is not the rest of an approved one; empty when it is. */
export function beyondApproval(approved: readonly Change[], now: readonly Change[]): Change[] {
  const byAddress = Map.groupBy(approved, ({ address }) => address);
  return now.filter((change) => {
    const allowed = byAddress.get(change.address)?.some((given) => mayFollow(given, change)) ?? false;
    return !allowed;
  });
}

function mayFollow(approved: Change, now: Change): boolean {
  if (!CONTINUES[approved.action].includes(now.action)) return false;
  // A created object may only be replaced because it is half-made: any other reason is a new decision.
  if (approved.action === 'create' && now.action === 'replace') return now.reason === 'replace_because_tainted';
  // Of a replacement only the old object that was left behind may still be deleted, not the one that was made.
  if (approved.action === 'replace' && now.action === 'delete') return now.deposed !== null;
  return true;
}

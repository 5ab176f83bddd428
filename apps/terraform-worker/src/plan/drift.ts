import type { Drifted } from '@switchyard/contracts';
import { actionOf } from './changes.js';
import { sha256 } from './manifest.js';
import type { PlanDocument, PlannedValues } from './plan-document.js';
import { hideMarked, summariseDrift } from './summary.js';

/** What differs between a state and what it stands for. Holds no value that is sensitive. */
export interface Drift {
  /** The same for the same differences; null without any. */
  readonly digest: string | null;
  /** What is gone first, then objects and outputs that differ, each by address: the part that is named is the worst. */
  readonly drifted: readonly Drifted[];
  /** For people, as an approval shows a plan. */
  readonly shown: readonly string[];
}

/**
 * Reads the drift out of a refresh-only plan: objects that were changed or are gone, and outputs that would come out
 * different. Sensitive values count by being there only: a digest of them would let anybody try out short secrets.
 * @param subject of which stack and workspace: two that drift alike have two digests
 * @param mask hides the secrets of the run
 */
export function driftOf(plan: PlanDocument | null, subject: string, mask: (value: unknown) => unknown): Drift {
  const found = plan === null ? [] : [...driftedObjects(plan), ...driftedOutputs(plan)];
  if (plan === null || found.length === 0) return { digest: null, drifted: [], shown: ['Drift: none'] };
  const seen = found.map(({ drifted, change }) => mask({ ...drifted, ...shownPartOf(change) }));
  return {
    digest: sha256(JSON.stringify([subject, seen])),
    drifted: found.map(({ drifted }) => drifted).toSorted(worstFirst),
    shown: summariseDrift(plan).map((line) => String(mask(line))),
  };
}

/** An object that is gone, then one that differs, then outputs. */
const rank = ({ address, action }: Drifted): number =>
  address.startsWith('output.') ? 2 : action === 'delete' ? 0 : 1;

const worstFirst = (a: Drifted, b: Drifted): number => rank(a) - rank(b) || (a.address < b.address ? -1 : 1);

interface Found {
  readonly drifted: Drifted;
  readonly change: PlannedValues;
}

function driftedObjects({ resource_drift: entries }: PlanDocument): Found[] {
  return entries.flatMap((entry) => {
    const action = actionOf(entry);
    // An object that only has another name now is as the state says.
    if (action !== 'update' && action !== 'delete') return [];
    return [{ drifted: { address: entry.address, action }, change: entry.change }];
  });
}

function driftedOutputs({ output_changes: outputs }: PlanDocument): Found[] {
  return Object.entries(outputs).flatMap(([name, change]) => {
    const action = (['update', 'delete', 'create'] as const).find((one) => change.actions.includes(one));
    return action === undefined ? [] : [{ drifted: { address: `output.${name}`, action }, change }];
  });
}

const shownPartOf = (change: PlannedValues): Record<string, unknown> => ({
  before: hideMarked(change.before ?? null, change.before_sensitive, undefined),
  after: hideMarked(change.after ?? null, change.after_sensitive, change.after_unknown),
});

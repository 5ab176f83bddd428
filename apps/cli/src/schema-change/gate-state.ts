import type { GateStatus } from '@switchyard/contracts';

/** The gates of a schema change, in their order. */
export const CHANGE_GATES = ['cutover', 'contract'] as const;

/** States of a gate on which somebody still has to decide. */
export const STILL_UNDECIDED: ReadonlySet<GateStatus['state']> = new Set(['open', 'closed']);

/** What became another one between two looks at a gate; empty: the evidence is the same. */
export function movedConditions(before: GateStatus, now: GateStatus): readonly string[] {
  if (before.evidence === now.evidence) return [];
  const known = new Map(before.conditions.map(({ name, state }) => [name, state]));
  const moved = now.conditions.flatMap(({ name, state, observed }) => {
    const was = known.get(name);
    return was === state ? [] : [`${name}: ${was ?? 'not asked for'} → ${state} (${observed})`];
  });
  return moved.length > 0 ? moved : ['the gate has closed and opened again since it was shown'];
}

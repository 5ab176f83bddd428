import { columnOf, type Catalog } from '../catalog/catalog.js';
import { showTable } from '../identifiers.js';
import type { Change } from '../spec/change.js';
import { canAbort } from './machine.js';
import { rank, type Machine, type Reached } from './states.js';

/** What an abort does, one thing each; the workflow has one activity for each. */
export const ABORT_ACTIONS = [
  'writes-to-both',
  'carry-back',
  'reads-to-old',
  'relax-new',
  'restrict-old',
  'writes-to-old',
  'stop-stream',
  'drop-indexes',
  'drop-constraints',
  'drop-new-shape',
  'drop-control',
  'verify',
] as const;
export type AbortActionName = (typeof ABORT_ACTIONS)[number];

export interface AbortAction {
  readonly action: AbortActionName;
  readonly title: string;
}

/** What an abort would do now, shown before anybody asks for it. */
export interface AbortPlan {
  readonly possible: boolean;
  /** Why not, when it is not possible; empty otherwise. */
  readonly refusal: string;
  /** In the order in which they run. The first failure does not stop the rest. */
  readonly actions: readonly AbortAction[];
  /** What will be as it was. */
  readonly restored: readonly string[];
  /** What cannot be brought back, in words; empty: nothing is lost. */
  readonly lost: readonly string[];
}

interface Context {
  readonly change: Change;
  readonly catalog: Catalog;
}

/** An action, the state whose beginning makes it necessary, and whether this change has it at all. */
interface Rule {
  readonly action: AbortActionName;
  readonly since: Reached;
  readonly title: (context: Context) => string;
  readonly applies?: (context: Context) => boolean;
}

const relaxed = ({ change, catalog }: Context): string[] =>
  change.drop.filter((name) => columnOf(catalog, name)?.notNull);

/**
 * The order matters. Writers first write both again, so that the old shape is fed directly while the reverse stream
 * carries over the rest; then readers go back; NOT NULL must be off the new columns before a writer may leave them
 * out; the stream ends only when nobody writes the new shape any more.
 */
const RULES: readonly Rule[] = [
  {
    action: 'writes-to-both',
    since: 'switchingWrites',
    title: ({ change }) =>
      `Set ${change.switch.writeFlag ?? 'the write flag'} to both and wait until every writer does`,
    applies: ({ change }) => change.switch.writeFlag !== undefined,
  },
  {
    action: 'carry-back',
    since: 'reversing',
    title: ({ change }) =>
      `Barrier and parity: what was written meanwhile is in ${change.reverse.map(({ name }) => name).join(', ')}`,
    applies: ({ change }) => change.reverse.length > 0,
  },
  {
    action: 'reads-to-old',
    since: 'switchingReads',
    title: ({ change }) =>
      `Set ${change.switch.readFlag ?? 'the read flag'} to 0 % and wait until every reader follows`,
    applies: ({ change }) => change.switch.readFlag !== undefined,
  },
  {
    action: 'relax-new',
    since: 'enforcing',
    title: ({ change }) => `Take NOT NULL from ${change.notNull.join(', ')}`,
    applies: ({ change }) => change.notNull.length > 0,
  },
  {
    action: 'restrict-old',
    since: 'enforcing',
    title: (context) => `Give NOT NULL back to ${relaxed(context).join(', ')}, by proof`,
    applies: (context) => relaxed(context).length > 0,
  },
  {
    action: 'writes-to-old',
    since: 'dualWriting',
    title: ({ change }) => `Set ${change.switch.writeFlag ?? 'the write flag'} to old and wait until every writer does`,
    applies: ({ change }) => change.switch.writeFlag !== undefined,
  },
  { action: 'stop-stream', since: 'connecting', title: () => 'Stop the stream; drop slot and publication' },
  {
    action: 'drop-indexes',
    since: 'indexing',
    title: ({ change }) => `Drop ${change.indexes.map(({ name }) => name).join(', ')}`,
    applies: ({ change }) => change.indexes.length > 0,
  },
  {
    action: 'drop-constraints',
    since: 'indexing',
    title: ({ change }) => `Drop ${change.constraints.map(({ name }) => name).join(', ')}`,
    applies: ({ change }) => change.constraints.length > 0,
  },
  {
    action: 'drop-new-shape',
    since: 'expanding',
    title: ({ change }) =>
      change.target
        ? `Drop ${showTable(change.target.table)}`
        : `Drop ${change.columns.map(({ name }) => name).join(', ')} of ${showTable(change.source)}`,
  },
  { action: 'drop-control', since: 'expanding', title: () => 'Remove the control rows' },
  { action: 'verify', since: 'expanding', title: () => 'Prove by query that the catalog is as it was before' },
];

/** Computes what an abort would do to a run where it stands. */
export function abortPlan(machine: Machine, change: Change, catalog: Catalog): AbortPlan {
  const reached: Reached | null = 'reached' in machine ? machine.reached : null;
  const possible = canAbort(machine) || machine.state === 'aborting';
  if (reached === null || !possible) {
    return {
      possible: false,
      refusal:
        reached === null
          ? 'The run has ended.'
          : 'The old columns are dropped or about to be. Only a backup brings them back: expand and migrate again from it.',
      actions: [],
      restored: [],
      lost: [],
    };
  }
  const context = { change, catalog };
  const actions = RULES.filter(
    ({ since, applies }) => rank(since) <= rank(reached) && (applies?.(context) ?? true),
  ).map(({ action, title }) => ({ action, title: title(context) }));
  const wroteNew = rank(reached) >= rank('dualWriting');
  return {
    possible: true,
    refusal: '',
    actions,
    restored: actions.length ? [`${showTable(change.source)} with its columns and rights`, 'every flag'] : [],
    lost: wroteNew
      ? [
          `What applications wrote only into ${change.columns.map(({ name }) => name).join(', ')} is kept as far as ${change.reverse.map(({ name }) => name).join(', ') || 'nothing'} can express it.`,
        ]
      : [],
  };
}

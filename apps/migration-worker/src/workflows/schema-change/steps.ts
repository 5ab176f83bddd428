import type { Change, Reached } from '@switchyard/schema-change';

/** The step of the status under which the work of a state is shown. */
export const STEP_OF: Readonly<Record<Reached, string>> = {
  preflight: 'preflight',
  expanding: 'expand',
  connecting: 'connect',
  backfilling: 'backfill',
  indexing: 'index',
  proving: 'prove',
  cutoverGate: 'cutover',
  switchingReads: 'switch-reads',
  dualWriting: 'dual-write',
  enforcing: 'enforce',
  reversing: 'reverse',
  switchingWrites: 'switch-writes',
  coolingDown: 'cool-down',
  contractGate: 'contract',
  closing: 'close',
  dropping: 'drop',
  cleaning: 'clean',
};

/** The step that an abort is shown under; it is only there when there is one. */
export const ABORT_STEP = 'abort';

const TITLES: Readonly<Record<Reached, string>> = {
  preflight: 'Look at the database, plan',
  expanding: 'Make the new shape',
  connecting: 'Publication, slot, stream',
  backfilling: 'Derive the new shape of every row',
  indexing: 'Indexes and constraints',
  proving: 'Barrier, parity over all rows',
  cutoverGate: 'Gate cutover',
  switchingReads: 'Readers to the new shape',
  dualWriting: 'Writers to both shapes',
  enforcing: 'NOT NULL by proof',
  reversing: 'Turn the stream round',
  switchingWrites: 'Writers to the new shape alone',
  coolingDown: 'Cool-down',
  contractGate: 'Gate contract',
  closing: 'The last parity',
  dropping: 'Drop the old columns',
  cleaning: 'Leave nothing behind',
};

/** Every step of a change, in order. */
export const STEPS: readonly { readonly id: string; readonly title: string }[] = Object.entries(TITLES).map(
  ([state, title]) => ({ id: STEP_OF[state as Reached], title }),
);

/** The change in one line. */
export function titleOf({ source, columns, target }: Pick<Change, 'source' | 'columns' | 'target'>): string {
  const to = target ? `${target.table.schema}.${target.table.name}` : columns.map(({ name }) => name).join(', ');
  return `${source.schema}.${source.name} to ${to}`;
}

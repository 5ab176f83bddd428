import { hasControl, loadDefinition, removeControl as removeRows, controlRows } from '@switchyard/change-database';
import { dropNewColumns, dropOldColumns, dropTarget, leftovers, showTable } from '@switchyard/schema-change';
import { z } from 'zod';
import { alter, tablesOf, type ChangeWork } from '../call.js';
import type { ChangeCall, ColumnDefinition, EndKind, Guarded } from '../contract.js';

/** Takes the old columns away. RESTRICT: a view that somebody made meanwhile stops it. Safe to repeat. */
export async function dropOldColumn(work: ChangeWork, call: Guarded): Promise<readonly ColumnDefinition[]> {
  const { change, shape } = call;
  return work.open('drop', async (session) => {
    if (change.drop.length > 0) {
      await alter(work, session, {
        what: `drop ${change.drop.join(', ')}`,
        statements: [dropOldColumns(shape, change.drop)],
        tables: [shape.source],
      });
    }
    return loadDefinition(session, tablesOf(change));
  });
}

/** Undoes the expansion. Safe to repeat. */
export function dropNewShape(work: ChangeWork, { shape }: ChangeCall): Promise<void> {
  return work.open('undo', async (session) => {
    await alter(work, session, {
      what: shape.sameRow
        ? `drop ${shape.columns.map(({ name }) => name).join(', ')}`
        : `drop ${showTable(shape.target)}`,
      statements: [shape.sameRow ? dropNewColumns(shape) : dropTarget(shape)],
      tables: [shape.sameRow ? shape.source : shape.target],
    });
  });
}

/** Removes the rows of this change, and the control tables with the last change. */
export function removeControl(work: ChangeWork, { shape }: ChangeCall): Promise<void> {
  return work.open('clean', (session) => removeRows(session, shape.id));
}

const leftoverRow = z.object({ kind: z.string(), name: z.string() });

/** Everything of the run that is still there, by query; empty is the proof that nothing was left behind. */
export function findLeftovers(
  work: ChangeWork,
  { change, shape, names, end }: ChangeCall & { readonly end: EndKind },
): Promise<readonly { readonly kind: string; readonly name: string }[]> {
  return work.open('verify', async (session) => {
    const isAborted = end === 'aborted';
    const found = await session.rows(
      leftoverRow,
      leftovers(shape, {
        names,
        goneColumns: isAborted ? (shape.sameRow ? shape.columns.map(({ name }) => name) : []) : change.drop,
        goneTarget: isAborted && !shape.sameRow,
        goneIndexes: isAborted ? change.indexes.map(({ name }) => name) : [],
        goneConstraints: isAborted ? change.constraints.map(({ name }) => name) : [],
      }),
    );
    const rows = (await hasControl(session)) ? await controlRows(session, shape.id) : [];
    return [...found, ...rows.map(({ writer }) => ({ kind: 'control row', name: writer }))];
  });
}

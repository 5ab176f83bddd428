import { loadDefinition, type ChangeSession } from '@switchyard/change-database';
import {
  addConstraint,
  addNotNullCheck,
  constraintStates,
  dropConstraint,
  dropNotNull,
  notNullConstraint,
  setNotNull,
  validateConstraint,
  type ObjectNames,
  type TableName,
} from '@switchyard/schema-change';
import { z } from 'zod';
import { alter, guarded, tablesOf, type ChangeWork } from '../call.js';
import type { ChangeCall, ColumnDefinition, Guarded } from '../contract.js';

const stateRow = z.object({ name: z.string(), validated: z.boolean() });

/** Adds the constraints of the change without a scan, then proves each beside the writers. Safe to repeat. */
export function addConstraints(work: ChangeWork, call: Guarded): Promise<void> {
  return guarded(work, call, 'constraints', async (session) => {
    const { change, shape } = call;
    for (const constraint of change.constraints) {
      const tables = constraint.kind === 'foreignKey' ? [shape.target, constraint.references] : [shape.target];
      // oxlint-disable-next-line no-await-in-loop -- one constraint after the other
      await proved(work, session, {
        table: shape.target,
        name: constraint.name,
        add: () =>
          alter(work, session, {
            what: `add ${constraint.name}`,
            statements: [addConstraint(shape.target, constraint)],
            tables,
          }),
      });
    }
  });
}

/** Drops the constraints of the change. Safe to repeat. */
export function dropConstraints(work: ChangeWork, { change, shape }: ChangeCall): Promise<void> {
  return work.open('drop-constraints', async (session) => {
    await alter(work, session, {
      what: `drop ${change.constraints.map(({ name }) => name).join(', ')}`,
      statements: change.constraints.map(({ name }) => dropConstraint(shape.target, name)),
      tables: [shape.target],
    });
  });
}

/** NOT NULL on the new columns by a proved CHECK, so that nobody waits for a scan; then the old columns may be empty. */
export function makeNewColumnsNotNull(
  work: ChangeWork,
  call: Guarded & { readonly relaxed: readonly string[] },
): Promise<readonly ColumnDefinition[]> {
  const { change, shape, names, relaxed } = call;
  return work.open('enforce', async (session) => {
    await enforceNotNull(work, session, { table: shape.target, columns: change.notNull, names });
    if (relaxed.length > 0) {
      await alter(work, session, {
        what: `let ${relaxed.join(', ')} be empty`,
        statements: [dropNotNull(shape.source, relaxed)],
        tables: [shape.source],
      });
    }
    return loadDefinition(session, tablesOf(change));
  });
}

/** Takes NOT NULL from the new columns again, and what is left of the way to it. */
export function relaxNewColumns(work: ChangeWork, { change, shape, names }: ChangeCall): Promise<void> {
  return work.open('relax-new', async (session) => {
    if (change.notNull.length === 0) return;
    await alter(work, session, {
      what: `let ${change.notNull.join(', ')} be empty`,
      statements: [
        dropNotNull(shape.target, change.notNull),
        ...change.notNull.map((column, i) => dropConstraint(shape.target, notNullConstraint(names, column, i))),
      ],
      tables: [shape.target],
    });
  });
}

/** Gives NOT NULL back to the old columns, by proof. */
export function restrictOldColumns(
  work: ChangeWork,
  { shape, names, relaxed }: ChangeCall & { readonly relaxed: readonly string[] },
): Promise<void> {
  return work.open('restrict-old', (session) =>
    enforceNotNull(work, session, { table: shape.source, columns: relaxed, names, offset: 100 }),
  );
}

interface NotNull {
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly names: ObjectNames;
  /** Added to the place of a column in the names of its helper constraint, to keep new and old columns apart. */
  readonly offset?: number;
}

async function enforceNotNull(
  work: ChangeWork,
  session: ChangeSession,
  { table, columns, names, offset = 0 }: NotNull,
): Promise<void> {
  for (const [i, column] of columns.entries()) {
    const name = notNullConstraint(names, column, i + offset);
    // oxlint-disable-next-line no-await-in-loop -- one column after the other
    await proved(work, session, {
      table,
      name,
      add: () =>
        alter(work, session, {
          what: `check that ${column} is not null`,
          statements: [addNotNullCheck(table, column, name)],
          tables: [table],
        }),
    });
    // oxlint-disable-next-line no-await-in-loop
    await alter(work, session, {
      what: `${column} not null`,
      statements: [setNotNull(table, column), dropConstraint(table, name)],
      tables: [table],
    });
  }
}

/** Adds a constraint where it is not there, and proves it where it is not proved: readers and writers go on meanwhile. */
async function proved(
  work: ChangeWork,
  session: ChangeSession,
  { table, name, add }: { readonly table: TableName; readonly name: string; readonly add: () => Promise<unknown> },
): Promise<void> {
  const [state] = await session.rows(stateRow, constraintStates(table, [name]));
  if (!state) await add();
  if (state?.validated === true) return;
  await alter(work, session, { what: `prove ${name}`, statements: [validateConstraint(table, name)], tables: [table] });
}

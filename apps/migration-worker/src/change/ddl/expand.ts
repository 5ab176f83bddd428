import { CodedError } from '@switchyard/contracts';
import { ensureControl, loadDefinition } from '@switchyard/change-database';
import { addColumns, createTarget, grantTarget, newColumns, showTable } from '@switchyard/schema-change';
import { loadCatalog } from '@switchyard/change-database';
import { z } from 'zod';
import { alter, assertUndrifted, tablesOf, type ChangeWork } from '../call.js';
import type { ColumnDefinition, Guarded } from '../contract.js';

const columnRow = z.object({ name: z.string(), type: z.string(), notNull: z.boolean() });

/**
 * Makes the control tables, then the new columns, nullable, or the new table with the rights of the old one. Safe to
 * repeat: what an earlier attempt made is taken over when it is what the change asks for.
 */
export function expandSchema(work: ChangeWork, call: Guarded): Promise<readonly ColumnDefinition[]> {
  const { change, shape, names } = call;
  return work.open('expand', async (session) => {
    await ensureControl(session);
    const made = await session.rows(columnRow, newColumns(shape));
    if (made.length === 0) {
      await assertUndrifted(session, call);
      const { grants } = shape.sameRow
        ? { grants: [] }
        : await loadCatalog(session, { change, names, replicationAnswers: null });
      await alter(work, session, {
        what: shape.sameRow
          ? `add ${shape.columns.map(({ name }) => name).join(', ')}`
          : `make ${showTable(shape.target)}`,
        statements: shape.sameRow
          ? [addColumns(shape)]
          : [createTarget(shape), ...grants.map((grant) => grantTarget(shape, grant))],
        tables: [shape.source],
      });
    }
    assertAsWanted(await session.rows(columnRow, newColumns(shape)), call);
    return loadDefinition(session, tablesOf(change));
  });
}

/** `if not exists` takes a column of another type for the one that is wanted. */
function assertAsWanted(found: readonly z.output<typeof columnRow>[], { shape, change }: Guarded): void {
  const missing = shape.columns.filter(({ name }) => !found.some((column) => column.name === name));
  if (missing.length === 0) return;
  throw new CodedError(
    'SchemaDrifted',
    `${showTable(shape.target)} lacks ${missing.map(({ name }) => name).join(', ')} right after they were made for ${change.name}; somebody else changes that table`,
  );
}

import {
  backendPid,
  catalogQueries,
  definitionOf,
  readCatalog,
  type Catalog,
  type CatalogSection,
  type Change,
  type ObjectNames,
  type TableName,
} from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeSession } from './session.js';

/** Looks at the pooler question: a transaction pooler answers several transactions from several backends. */
const PIDS_ASKED = 5;

/** Reads what the database says about itself, as far as a change is concerned. Takes no lock. */
export async function loadCatalog(
  session: ChangeSession,
  options: {
    readonly change: Change;
    readonly names: ObjectNames;
    /** Whether a replication connection to the same address answered; null: not tried. */
    readonly replicationAnswers: boolean | null;
  },
): Promise<Catalog> {
  const backendPids: number[] = [];
  for (let i = 0; i < PIDS_ASKED; i++) {
    // oxlint-disable-next-line no-await-in-loop -- several transactions, one after the other
    const [row] = await session.rows(z.object({ pid: z.number() }), backendPid());
    if (row) backendPids.push(row.pid);
  }
  const answers: Partial<Record<CatalogSection, readonly unknown[]>> = {};
  for (const [section, statement] of Object.entries(catalogQueries(options.change, options.names))) {
    // oxlint-disable-next-line no-await-in-loop -- one connection answers one question at a time
    answers[section as CatalogSection] = (await session.run(statement)).rows;
  }
  return readCatalog(answers as Record<CatalogSection, readonly unknown[]>, {
    backendPids,
    replicationAnswers: options.replicationAnswers,
  });
}

const definitionRow = z.object({
  table: z.string(),
  column: z.string(),
  type: z.string(),
  notNull: z.boolean(),
  default: z.string().nullable(),
});

/** One column as it is defined now. */
export type ColumnDefinition = z.output<typeof definitionRow>;

/** The columns of the tables as they are defined now, to notice DDL of others. */
export function loadDefinition(session: ChangeSession, tables: readonly TableName[]): Promise<ColumnDefinition[]> {
  return session.rows(definitionRow, definitionOf(tables));
}

import { CodedError, type RunRef } from '@switchyard/contracts';
import {
  changeSchema,
  loadDefinition,
  showHolders,
  withChangeSession,
  type ChangeSession,
  type SchemaChanged,
} from '@switchyard/change-database';
import {
  newTableOf,
  showTable,
  type Change,
  type Shape,
  type Statement,
  type TableName,
} from '@switchyard/schema-change';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import type { Dependencies } from '../activities/dependencies.js';
import type { ColumnDefinition, Guarded } from './contract.js';

/** What the code of a schema change works with during one call. */
export interface ChangeWork extends Call {
  readonly deps: Dependencies;
  readonly connection: DatabaseConnection;
  /** Opens a session with the settings of the change. `part` names it on the server. */
  readonly open: <T>(part: string, use: (session: ChangeSession) => Promise<T>) => Promise<T>;
}

/** Resolves the database of a change and opens its sessions under names that tell people what they are for. */
export async function changeWork(
  deps: Dependencies,
  call: Call,
  { change, shape }: { readonly change: Change; readonly shape: Shape | null },
): Promise<ChangeWork> {
  const connection = await deps.databases.resolve(change.database);
  return {
    ...call,
    deps,
    connection,
    open: (part, use) =>
      withChangeSession(
        { connection, name: `switchyard:${change.name}:${part}`.slice(0, 63), shape, signal: call.signal },
        use,
      ),
  };
}

/** The tables that a change touches. */
export function tablesOf(change: Change): readonly TableName[] {
  return change.target ? [change.source, newTableOf(change)] : [change.source];
}

/** DDL that gives way, with its giving way in the events of the run. */
export async function alter(
  work: ChangeWork,
  session: ChangeSession,
  options: {
    readonly what: string;
    readonly statements: readonly Statement[];
    readonly tables: readonly TableName[];
    readonly statementTimeoutMs?: number;
  },
): Promise<SchemaChanged> {
  const { what, ...rest } = options;
  const done = await changeSchema(session, {
    ...rest,
    signal: work.signal,
    onGaveWay: async (attempt, holders) => {
      const message = `${what}: gave way to ${showHolders(holders) || 'others'}, attempt ${attempt}`;
      work.progress(0, message);
      // Each of many attempts would only repeat the first.
      if (attempt === 1) await work.record({ type: 'gave_way', level: 'warning', message, data: { holders } });
    },
  });
  await work.record({
    type: 'schema_changed',
    message: `${what}: ${done.durationMs.toFixed(0)} ms${done.attempts > 1 ? `, after ${done.attempts} attempts` : ''}`,
    data: { attempts: done.attempts, durationMs: Math.round(done.durationMs) },
  });
  return done;
}

const sameColumn = (a: ColumnDefinition, b: ColumnDefinition): boolean => a.table === b.table && a.column === b.column;

/** What others did to the columns since the definition was read, in words; empty: nothing. */
export function driftOf(before: readonly ColumnDefinition[], now: readonly ColumnDefinition[]): readonly string[] {
  const words: string[] = [];
  for (const old of before) {
    const found = now.find((column) => sameColumn(column, old));
    const name = `${old.table}.${old.column}`;
    if (!found) words.push(`${name} is gone`);
    else if (found.type !== old.type) words.push(`${name} is ${found.type} and was ${old.type}`);
    else if (found.notNull !== old.notNull) words.push(`${name} ${found.notNull ? 'became' : 'is no longer'} NOT NULL`);
    else if (found.default !== old.default) words.push(`the default of ${name} is another one`);
  }
  for (const column of now) {
    if (!before.some((old) => sameColumn(old, column))) words.push(`${column.table}.${column.column} is new`);
  }
  return words;
}

/** Refuses to go on with tables that somebody else has changed. @throws SchemaDrifted */
export async function assertUndrifted(
  session: ChangeSession,
  { change, definition }: Pick<Guarded, 'change' | 'definition'>,
): Promise<void> {
  if (definition === null) return;
  const drift = driftOf(definition, await loadDefinition(session, tablesOf(change)));
  if (drift.length === 0) return;
  throw new CodedError(
    'SchemaDrifted',
    `somebody else changed ${showTable(change.source)} meanwhile: ${drift.join('; ')}. Take that back, or abort this change`,
    { details: { drift } },
  );
}

/** The owner of locks and flags of a run. */
export const ownerOf = (ref: RunRef): { workflowId: string; executionId: string } => ({
  workflowId: ref.workflowId,
  executionId: ref.executionId,
});

/** Runs `use` in a session of a guarded call, after the proof that nobody else has changed the tables. */
export function guarded<T>(
  work: ChangeWork,
  call: Guarded,
  part: string,
  use: (session: ChangeSession) => Promise<T>,
): Promise<T> {
  return work.open(part, async (session) => {
    await assertUndrifted(session, call);
    return use(session);
  });
}

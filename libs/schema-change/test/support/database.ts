import { parseOrThrow, schemaChangeSchema, type SchemaChangeGiven } from '@switchyard/contracts';
import { createTestDatabase, type TestDatabase } from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import {
  catalogQueries,
  createControlSchema,
  createControlTable,
  normaliseChange,
  objectNames,
  readCatalog,
  resolveShape,
  sessionSettings,
  type Catalog,
  type CatalogSection,
  type Change,
  type Shape,
  type Statement,
} from '../../src/index.js';

type Row = Record<string, unknown>;

/** A connection that runs statements as the adapters will. */
export interface Session {
  readonly client: pg.Client;
  /** Runs a statement or plain SQL; gives the rows. */
  readonly run: (statement: Statement | string) => Promise<Row[]>;
  /** Runs a statement; gives the number of rows that it changed. */
  readonly count: (statement: Statement | string) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** One database for a test file, and sessions that are closed at its end. */
export function useDatabase(): () => { readonly session: Session; readonly open: () => Promise<Session> } {
  let database: TestDatabase | undefined;
  const opened: Session[] = [];
  const open = async (): Promise<Session> => {
    const client = new pg.Client({ connectionString: database?.url });
    await client.connect();
    const query = (statement: Statement | string): Promise<pg.QueryResult<Row>> =>
      typeof statement === 'string'
        ? client.query<Row>(statement)
        : client.query<Row>(statement.text, [...statement.values]);
    const session: Session = {
      client,
      run: async (statement) => (await query(statement)).rows,
      count: async (statement) => (await query(statement)).rowCount ?? 0,
      close: () => client.end(),
    };
    opened.push(session);
    return session;
  };
  beforeAll(async () => {
    database = await createTestDatabase();
    await open();
  });
  afterAll(async () => {
    await Promise.allSettled(opened.map(({ close }) => close()));
    await database?.drop();
  });
  return () => {
    const [session] = opened;
    if (!session) throw new Error('the database is not open yet');
    return { session, open };
  };
}

type Spec = SchemaChangeGiven['spec'];

/** A change in normal form. */
export function changeOf(spec: Partial<Spec> & Pick<Spec, 'table'>): Change {
  const written = parseOrThrow(
    schemaChangeSchema,
    {
      apiVersion: 'switchyard.dev/v1',
      kind: 'SchemaChange',
      metadata: { name: 'test' },
      spec: { database: 'app', switch: { readFlag: 'r', writeFlag: 'w' }, ...spec },
    },
    'spec',
  );
  const normalised = normaliseChange(written);
  if (!normalised.ok) throw new Error(JSON.stringify(normalised.problems));
  return normalised.value;
}

/** Reads the catalog for a change. */
export async function catalogOf({ run }: Session, change: Change): Promise<Catalog> {
  const answers: Partial<Record<CatalogSection, Row[]>> = {};
  for (const [section, statement] of Object.entries(catalogQueries(change, objectNames(change.name, 'run')))) {
    answers[section as CatalogSection] = await run(statement);
  }
  return readCatalog(answers as Record<CatalogSection, Row[]>, { backendPids: [1, 1], replicationAnswers: true });
}

/** Change, catalog and shape; the control table is there and the session has its settings. */
export async function prepare(
  session: Session,
  spec: Partial<Spec> & Pick<Spec, 'table'>,
): Promise<{ change: Change; catalog: Catalog; shape: Shape }> {
  const change = changeOf(spec);
  const catalog = await catalogOf(session, change);
  const resolved = resolveShape(change, catalog, 'run');
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  await session.run(createControlSchema());
  await session.run(createControlTable());
  await session.run(sessionSettings(resolved.shape));
  return { change, catalog, shape: resolved.shape };
}

import { z } from 'zod';

/** An int8 or numeric of the database as a number. */
const number = z.union([z.number(), z.string()]).transform(Number).pipe(z.number());

export const CATALOG_SECTIONS = {
  server: z.object({
    version: number,
    walLevel: z.string(),
    inRecovery: z.boolean(),
    blockSize: number,
    slots: number,
    maxSlots: number,
    walSenders: number,
    maxWalSenders: number,
    /** In bytes; -1: no limit. */
    maxSlotWalBytes: number,
    superuser: z.boolean(),
    replication: z.boolean(),
    canCreate: z.boolean(),
    canTemp: z.boolean(),
    /** Whether triggers can be kept from firing for our own writes. */
    canSilenceTriggers: z.boolean(),
    /** Whether our own writes can be marked in the log. */
    canUseOrigins: z.boolean(),
  }),
  table: z.object({
    kind: z.string(),
    persistence: z.string(),
    replicaIdentity: z.string(),
    owned: z.boolean(),
    forcedRowSecurity: z.boolean(),
    inherited: z.boolean(),
    rows: number,
    pages: number,
    heapBytes: number,
    indexBytes: number,
    toastBytes: number,
    fillfactor: number,
    deadRows: number,
    partitions: z.array(z.object({ schema: z.string(), name: z.string() })),
  }),
  columns: z.object({
    name: z.string(),
    type: z.string(),
    notNull: z.boolean(),
    hasDefault: z.boolean(),
    generated: z.boolean(),
    identity: z.boolean(),
    /** SQL text of a collation that is not the default of the type. */
    collation: z.string().nullable(),
    isArray: z.boolean(),
    width: number,
    nullFraction: number,
  }),
  indexes: z.object({
    name: z.string(),
    columns: z.array(z.string()),
    unique: z.boolean(),
    primary: z.boolean(),
    valid: z.boolean(),
    /** Unique at once, over whole rows and plain columns: what a key needs. */
    usableAsKey: z.boolean(),
    replicaIdentity: z.boolean(),
    bytes: number,
  }),
  dependents: z.object({
    /** Catalog that holds the dependent, such as `pg_rewrite` for a view. */
    catalog: z.string(),
    kind: z.string(),
    name: z.string(),
    column: z.string(),
  }),
  triggers: z.object({
    name: z.string(),
    onUpdate: z.boolean(),
    /** Columns whose change alone fires it; empty: any change. */
    columns: z.array(z.string()),
    always: z.boolean(),
    function: z.string(),
  }),
  publications: z.object({
    name: z.string(),
    allTables: z.boolean(),
    limited: z.boolean(),
  }),
  grants: z.object({ grantee: z.string(), privileges: z.array(z.string()) }),
  taken: z.object({ kind: z.enum(['table', 'index', 'constraint', 'slot', 'publication']), name: z.string() }),
} as const;

export type CatalogSection = keyof typeof CATALOG_SECTIONS;
type Row<S extends CatalogSection> = z.output<(typeof CATALOG_SECTIONS)[S]>;

/** What a connection was seen to be; PostgreSQL cannot say it about itself. */
export interface SessionFacts {
  /** `pg_backend_pid()` in several transactions on one connection: a transaction pooler gives several. */
  readonly backendPids: readonly number[];
  /** Whether a replication connection to the same address answered `IDENTIFY_SYSTEM`; null: not tried, the source needs none. */
  readonly replicationAnswers: boolean | null;
}

/** The database as far as a change is concerned, at one moment. Plain JSON. */
export interface Catalog {
  readonly server: Row<'server'>;
  /** Null: the table does not exist. */
  readonly table: Row<'table'> | null;
  readonly columns: readonly Row<'columns'>[];
  readonly indexes: readonly Row<'indexes'>[];
  readonly dependents: readonly Row<'dependents'>[];
  readonly triggers: readonly Row<'triggers'>[];
  readonly publications: readonly Row<'publications'>[];
  readonly grants: readonly Row<'grants'>[];
  readonly taken: readonly Row<'taken'>[];
  readonly session: SessionFacts;
}

/** Parses the rows of all sections into a catalog. Throws where the database answered something unknown. */
export function readCatalog(
  answers: Readonly<Record<CatalogSection, readonly unknown[]>>,
  session: SessionFacts,
): Catalog {
  const rows = <S extends CatalogSection>(section: S): Row<S>[] =>
    answers[section].map((row) => CATALOG_SECTIONS[section].parse(row) as Row<S>);
  const [server] = rows('server');
  if (!server) throw new TypeError('the catalog query "server" gave no row');
  return {
    server,
    table: rows('table')[0] ?? null,
    columns: rows('columns'),
    indexes: rows('indexes'),
    dependents: rows('dependents'),
    triggers: rows('triggers'),
    publications: rows('publications'),
    grants: rows('grants'),
    taken: rows('taken'),
    session,
  };
}

/** The column of the old table by name. */
export function columnOf(catalog: Catalog, name: string): Row<'columns'> | undefined {
  return catalog.columns.find((column) => column.name === name);
}

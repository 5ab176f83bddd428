import { quoteName, quoteNames, quoteTable, type TableName } from '../identifiers.js';
import { inconsistent, SAME_ROW } from './compare.js';
import { inKeys, inPages, type KeyRange, type PageRange } from './ranges.js';
import type { Relation, Shape } from './shape.js';
import { statement, type Statement } from './statement.js';

/** Options of a chunk. */
export interface ChunkOptions {
  /** Default `derived`: before dual write only f counts. */
  readonly relation?: Relation;
  /** A partition of the old table; pages are counted in it. Default: the old table. */
  readonly partition?: TableName;
  /** Leaves rows that a writer holds to a second pass, so that the backfill never waits. Default false. */
  readonly skipLocked?: boolean;
  /** Columns that are set to what they are; see {@link restatedColumns}. Only in one row. Default none. */
  readonly restate?: readonly string[];
}

/** A chunk by pages: a Tid Range Scan with literal bounds; rows that are already right are not written. */
export function backfillPages(shape: Shape, range: PageRange, options: ChunkOptions = {}): Statement {
  return chunk(shape, inPages(range), options);
}

/** A chunk by keys, for tables where pages mean nothing. */
export function backfillKeys(shape: Shape, range: KeyRange, options: ChunkOptions = {}): Statement {
  return chunk(shape, inKeys(shape, 'source', range), options);
}

function chunk(shape: Shape, range: string, options: ChunkOptions): Statement {
  const table = quoteTable(options.partition ?? shape.source);
  return shape.sameRow ? updateChunk(shape, table, range, options) : insertChunk(shape, table, range);
}

function updateChunk(shape: Shape, table: string, range: string, options: ChunkOptions): Statement {
  const set = [
    ...shape.columns.map(({ name, expression }) => `${quoteName(name)} = (${expression})`),
    ...(options.restate ?? []).map((name) => `${quoteName(name)} = ${quoteName(name)}`),
  ].join(',\n');
  const wrong = inconsistent(shape, options.relation ?? 'derived', SAME_ROW);
  const rows = `${range}\nand (${wrong})`;
  return statement(
    options.skipLocked
      ? `update ${table} set ${set}
        where ctid = any(array(select ctid from ${table} where ${rows} for no key update skip locked))`
      : `update ${table} set ${set}\nwhere ${rows}`,
  );
}

/** A row that is there was written by the stream, which is never older: it stays. */
function insertChunk(shape: Shape, table: string, range: string): Statement {
  const into = [...shape.key.map(({ target }) => target), ...shape.columns.map(({ name }) => name)];
  const values = [
    ...shape.key.map(({ source }) => quoteName(source)),
    ...shape.columns.map(({ expression }) => `(${expression})`),
  ];
  return statement(
    `insert into ${quoteTable(shape.target)} (${quoteNames(into)})
    select ${values.join(', ')} from ${table}
    where ${range}${shape.where === null ? '' : `\nand (${shape.where})`}
    on conflict (${quoteNames(shape.key.map(({ target }) => target))}) do nothing`,
  );
}

/**
 * One column of each B-tree that is not unique, for {@link ChunkOptions.restate}. An UPDATE that names no column of an
 * index makes PostgreSQL look, whenever a page of it is full, for versions of rows that it could delete there, entry by
 * entry ("bottom-up deletion", since 14). That is meant for rows that are updated over and over; a backfill writes each
 * once, and spends half its time on it for an index that ends 3 % smaller. What is left alone: columns that a trigger
 * names, those that cannot be set, and unique indexes, whose columns decide how strongly a row is locked.
 */
export function restatedColumns(table: TableName): Statement {
  return statement(
    `select distinct on (i.indexrelid) a.attname::text as name
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am am on am.oid = c.relam and am.amname = 'btree'
    cross join unnest(i.indkey::int[]) with ordinality as k(attnum, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = to_regclass($1) and i.indisready and not i.indisunique and k.place <= i.indnkeyatts
    and a.attnum > 0 and a.attgenerated = '' and a.attidentity <> 'a'
    and has_column_privilege(i.indrelid, a.attnum, 'update')
    and not exists (select from pg_index u where u.indrelid = i.indrelid and u.indisunique and a.attnum = any(u.indkey))
    and not exists (select from pg_trigger t where t.tgrelid = i.indrelid and a.attnum = any(t.tgattr))
    order by i.indexrelid, k.place`,
    [quoteTable(table)],
  );
}

/** The end of a backfill by pages, read once after the stream is on: later rows come by the stream. */
export function tableExtent(table: TableName): Statement {
  return statement(
    `select (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text as pages,
    pg_relation_filenode(c.oid)::text as file, greatest(c.reltuples, 0)::bigint::text as rows
    from pg_class c where c.oid = to_regclass($1)`,
    [quoteTable(table)],
  );
}

/** Asks for the plan of a chunk without running it. */
export function explain({ text, values }: Statement): Statement {
  return { text: `explain (format json, costs off)\n${text}`, values };
}

/**
 * What is wrong with the plan of a chunk (`explain (format json)`), or null. A chunk must read its pages or its
 * keys and nothing else; the planner does otherwise only when statistics or settings went wrong.
 */
export function planProblem(plan: unknown, by: 'pages' | 'keys'): string | null {
  const nodes = nodesOf(plan);
  const wanted = by === 'pages' ? /^Tid Range Scan$/ : /^(Index (Only )?Scan|Bitmap Heap Scan)$/;
  const whole = nodes.find(({ type }) => /^(Parallel )?Seq Scan$/.test(type));
  if (whole) return `the chunk would read the whole of ${whole.relation}: Seq Scan`;
  if (nodes.some(({ type }) => wanted.test(type))) return null;
  return `the chunk has no ${by === 'pages' ? 'Tid Range Scan' : 'index scan'}, but ${nodes.map(({ type }) => type).join(', ') || 'no plan'}`;
}

interface PlanNode {
  readonly type: string;
  readonly relation: string;
}

function nodesOf(plan: unknown): PlanNode[] {
  if (Array.isArray(plan)) return plan.flatMap(nodesOf);
  if (typeof plan !== 'object' || plan === null) return [];
  const node = plan as Readonly<Record<string, unknown>>;
  const own =
    typeof node['Node Type'] === 'string'
      ? [{ type: node['Node Type'], relation: typeof node['Relation Name'] === 'string' ? node['Relation Name'] : '' }]
      : [];
  return [...own, ...nodesOf(node['Plan']), ...nodesOf(node['Plans'])];
}

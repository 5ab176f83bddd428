import type { Session } from '../target/session.js';

/** A changeset in Liquibase's table. */
export interface RanChangeset {
  readonly id: string;
  readonly author: string;
  readonly file: string;
  readonly order: number;
  readonly type: string;
}

/** Whether Liquibase has made its table here. */
export async function hasHistory({ rows }: Session): Promise<boolean> {
  const [row] = await rows<{ found: boolean }>(
    "select to_regclass(quote_ident(current_schema()) || '.databasechangelog') is not null as found",
  );
  return row?.found === true;
}

/** Highest ORDEREXECUTED; 0 for an empty or missing table. */
export async function lastOrder(session: Session): Promise<number> {
  if (!(await hasHistory(session))) return 0;
  const [row] = await session.rows<{ last: number }>(
    'select coalesce(max(orderexecuted), 0)::int as last from databasechangelog',
  );
  return row?.last ?? 0;
}

/** What ran after the baseline, in order; changesets that were only marked as run are not among it. */
export async function ranSince(session: Session, baseline: number): Promise<RanChangeset[]> {
  if (!(await hasHistory(session))) return [];
  return session.rows<RanChangeset>(
    `select id, author, filename as file, orderexecuted as "order", exectype as type from databasechangelog
      where orderexecuted > $1 and exectype in ('EXECUTED', 'RERAN') and author <> 'liquibase' order by orderexecuted`,
    [baseline],
  );
}

/**
 * Tags the last row as `liquibase tag` does, without a second's start of Java, and returns the tag to go back to: an
 * earlier tag on that row is kept, because somebody may rely on it, and serves as well. Undefined when there is no row
 * to tag: then Liquibase has to make one.
 */
export async function tagLastRow(session: Session, tag: string): Promise<string | undefined> {
  if (!(await hasHistory(session))) return undefined;
  const [row] = await session.rows<{ tag: string }>(
    `update databasechangelog set tag = coalesce(tag, $1)
      where (id, author, filename) in
            (select id, author, filename from databasechangelog order by dateexecuted desc, orderexecuted desc limit 1)
      returning tag`,
    [tag],
  );
  return row?.tag;
}

import type { Session } from '../target/session.js';

/** One object of a database as PostgreSQL identifies it. */
export interface CatalogObject {
  /** `table`, `view`, `function`, ... as in `drop <type>`. */
  readonly type: string;
  /** Qualified and quoted: `public.users`, `public.f(integer)`. */
  readonly identity: string;
}

/**
 * The schemas, relations, routines and types of a database that are nobody's part: not of an extension, and not made by
 * another object (the sequence of an identity column, the row type of a table).
 */
export async function listObjects({ rows }: Session): Promise<CatalogObject[]> {
  return rows<CatalogObject>(
    `with system as (select oid from pg_namespace where nspname like 'pg\\_%' or nspname = 'information_schema'),
          found as (
            select 'pg_namespace'::regclass as classid, oid from pg_namespace where oid not in (select oid from system)
            union all
            select 'pg_class'::regclass, oid from pg_class
             where relkind in ('r', 'p', 'v', 'm', 'S', 'f') and relnamespace not in (select oid from system)
            union all
            select 'pg_proc'::regclass, oid from pg_proc where pronamespace not in (select oid from system)
            union all
            select 'pg_type'::regclass, t.oid from pg_type t left join pg_class c on c.oid = t.typrelid
             where typnamespace not in (select oid from system) and typelem = 0
               and (typtype in ('d', 'e', 'r') or (typtype = 'c' and c.relkind = 'c')))
     select o.type, o.identity from found, pg_identify_object(found.classid, found.oid, 0) o
      where not exists (select 1 from pg_depend d
                         where d.classid = found.classid and d.objid = found.oid and d.deptype in ('e', 'i', 'a', 'P', 'S')
                           and (d.deptype <> 'a' or d.refclassid = 'pg_class'::regclass))
      order by o.type, o.identity`,
  );
}

/** Objects that are there now and were not before. */
export function addedObjects(before: readonly CatalogObject[], now: readonly CatalogObject[]): CatalogObject[] {
  const known = new Set(before.map(keyOf));
  return now.filter((object) => !known.has(keyOf(object)));
}

/** Statements that remove objects, together with what hangs on them. The identities come from the server and are quoted. */
export function dropStatements(objects: readonly CatalogObject[]): string[] {
  return objects.map(({ type, identity }) => `drop ${type} if exists ${identity} cascade;`);
}

function keyOf({ type, identity }: CatalogObject): string {
  return `${type} ${identity}`;
}

/**
 * What hangs on a column of the table: views, rules, policies, generated columns, constraints, triggers with a column
 * list, publications with one, statistics, indexes, functions with a SQL body. One row per dependent and column.
 */
export const DEPENDENTS_SQL = `
  select d.classid::regclass::text as catalog, a.attname::text as column,
  case d.classid
  when 'pg_rewrite'::regclass then 'view'
  when 'pg_attrdef'::regclass then 'generated column'
  when 'pg_policy'::regclass then 'policy'
  when 'pg_trigger'::regclass then 'trigger'
  when 'pg_publication_rel'::regclass then 'publication'
  when 'pg_statistic_ext'::regclass then 'statistics'
  when 'pg_proc'::regclass then 'function'
  when 'pg_constraint'::regclass then
  (select case k.contype when 'f' then case when k.confrelid = a.attrelid and k.conrelid <> a.attrelid
  then 'foreign key from another table' else 'foreign key' end
  when 'c' then 'check' when 'p' then 'primary key' when 'u' then 'unique constraint' when 'n' then 'not null'
  else 'constraint' end from pg_constraint k where k.oid = d.objid)
  when 'pg_class'::regclass then
  (select case c.relkind when 'i' then 'index' when 'I' then 'index' when 'S' then 'sequence' else 'relation' end
  from pg_class c where c.oid = d.objid)
  else 'object' end as kind,
  case when d.classid = 'pg_rewrite'::regclass
  then (select r.ev_class::regclass::text from pg_rewrite r where r.oid = d.objid)
  when d.classid = 'pg_attrdef'::regclass
  then (select g.attname::text from pg_attrdef x join pg_attribute g on g.attrelid = x.adrelid and g.attnum = x.adnum
  where x.oid = d.objid)
  when d.classid = 'pg_constraint'::regclass
  then (select k.conname || ' on ' || k.conrelid::regclass::text from pg_constraint k where k.oid = d.objid)
  else pg_describe_object(d.classid, d.objid, d.objsubid) end as name
  from pg_depend d
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) and d.refobjsubid > 0
  /* the default of the column itself */
  and not (d.classid = 'pg_attrdef'::regclass and exists (select 1 from pg_attrdef x
  where x.oid = d.objid and x.adrelid = d.refobjid and x.adnum = d.refobjsubid))
  and not (d.classid = 'pg_constraint'::regclass and exists (select 1 from pg_constraint k
  where k.oid = d.objid and k.contype = 'n'))
  group by d.classid, d.objid, d.objsubid, a.attname, a.attrelid
  order by kind, name, a.attname`;

export const TRIGGERS_SQL = `
  select t.tgname::text as name, (t.tgtype & 16) <> 0 as "onUpdate", t.tgenabled = 'A' as always,
  t.tgfoid::regproc::text as function,
  array(select a.attname::text from unnest(t.tgattr::int[]) as k(attnum)
  join pg_attribute a on a.attrelid = t.tgrelid and a.attnum = k.attnum order by a.attnum) as columns
  from pg_trigger t
  where t.tgrelid = to_regclass($1) and not t.tgisinternal and t.tgenabled <> 'D'
  order by t.tgname`;

export const PUBLICATIONS_SQL = `
  select p.pubname::text as name, p.puballtables as "allTables",
  coalesce((select r.prattrs is not null or r.prqual is not null from pg_publication_rel r
  where r.prpubid = p.oid and r.prrelid = to_regclass($1)), false) as limited
  from pg_publication p
  where p.puballtables
  or exists (select 1 from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = to_regclass($1))
  or exists (select 1 from pg_publication_namespace n join pg_class c on c.relnamespace = n.pnnspid
  where n.pnpubid = p.oid and c.oid = to_regclass($1))
  order by p.pubname`;

export const GRANTS_SQL = `
  select case when x.grantee = 0 then 'PUBLIC' else pg_get_userbyid(x.grantee)::text end as grantee,
  array_agg(x.privilege_type::text order by x.privilege_type) as privileges
  from pg_class c cross join lateral aclexplode(c.relacl) as x
  where c.oid = to_regclass($1) and x.grantee <> c.relowner
  group by x.grantee
  order by 1`;

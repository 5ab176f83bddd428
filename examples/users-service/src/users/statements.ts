import type { WriteMode } from '../flags/flags.js';

/** The rule of the change, the same that it derives the new columns by: the first word, and the rest. */
const first = (name: string): string => `split_part(btrim(${name}), ' ', 1)`;
const last = (name: string): string => String.raw`nullif(regexp_replace(btrim(${name}), '^\S+\s*', ''), '')`;

/** Every statement names its columns: one with `*` would change its shape while columns come and go. */
const read = (columns: string): string =>
  `select id, ${columns}, email, updated_at as "updatedAt" from public.users where id = $1`;

const OLD = `${first('name')} as "oldFirst", ${last('name')} as "oldLast"`;
const NEW = 'first_name as "newFirst", last_name as "newLast"';
/** The new columns are what the rule gives, or else the old one is what they give: "Mary Jane" is a first name, too. */
const AGREE = `((first_name, last_name) is not distinct from (${first('name')}, ${last('name')})
                or name is not distinct from concat_ws(' ', first_name, last_name)) as "agree"`;

/** Reads of one user by id. After the change nothing may speak of `name` any more. */
export const READ = { old: read(OLD), both: read(`${OLD}, ${NEW}, ${AGREE}`), new: read(NEW) } as const;

/**
 * A change that the database makes only before the end of the lease ($1, milliseconds since 1970 by its own clock), so
 * that a write which was held up on its way cannot come through when nobody expects it any more.
 */
const fenced = (change: string): string => `
  with lease as materialized (select extract(epoch from clock_timestamp()) * 1000 < $1::float8 as is_held),
       changed as (${change} returning 1)
  select is_held as "isHeld", exists (select from changed) as "isChanged" from lease`;

const insert = (columns: string, values: string): string =>
  fenced(
    `insert into public.users (id, email, ${columns}) select $2::uuid, $3::text, ${values} from lease where is_held`,
  );
const update = (assignments: string): string =>
  fenced(
    `update public.users set ${assignments}, updated_at = now() where id = $2::uuid and (select is_held from lease)`,
  );

const [FIRST, LAST] = [first('$4::text'), last('$4::text')];

/** Inserts: lease, id, email, name. */
export const INSERT: Readonly<Record<WriteMode, string>> = {
  old: insert('name', '$4::text'),
  both: insert('name, first_name, last_name', `$4::text, ${FIRST}, ${LAST}`),
  new: insert('first_name, last_name', `${FIRST}, ${LAST}`),
};

const [NEXT_FIRST, NEXT_LAST] = [first('$3::text'), last('$3::text')];

/** Renames: lease, id, name. */
export const RENAME: Readonly<Record<WriteMode, string>> = {
  old: update('name = $3::text'),
  both: update(`name = $3::text, first_name = ${NEXT_FIRST}, last_name = ${NEXT_LAST}`),
  new: update(`first_name = ${NEXT_FIRST}, last_name = ${NEXT_LAST}`),
};

/** Changes the address: lease, id, email. The name is none of its business, in any mode. */
export const CHANGE_EMAIL = update('email = $3::text');

/** Deletes: lease, id. */
export const DELETE = fenced('delete from public.users where id = $2::uuid and (select is_held from lease)');

import type { Pool } from 'pg';

const first = (name: string): string => `split_part(btrim(${name}), ' ', 1)`;
const last = (name: string): string => String.raw`nullif(regexp_replace(btrim(${name}), '^\S+\s*', ''), '')`;

/**
 * Adds the new columns, and fills whichever side of a row a writer leaves alone, in the same statement: what the stream
 * of a change does some milliseconds later.
 */
export async function expand(pool: Pool): Promise<void> {
  await pool.query(`
    alter table public.users add column first_name text, add column last_name text;
    create function public.fill_other_side() returns trigger language plpgsql as $body$
    begin
      if tg_op = 'INSERT' then
        if new.first_name is null then
          new.first_name := ${first('new.name')};
          new.last_name := ${last('new.name')};
        elsif new.name is null then
          new.name := concat_ws(' ', new.first_name, new.last_name);
        end if;
      elsif (new.first_name, new.last_name) is distinct from (old.first_name, old.last_name) then
        if new.name is not distinct from old.name then
          new.name := concat_ws(' ', new.first_name, new.last_name);
        end if;
      elsif new.name is distinct from old.name then
        new.first_name := ${first('new.name')};
        new.last_name := ${last('new.name')};
      end if;
      return new;
    end $body$;
    create trigger fill_other_side before insert or update on public.users
      for each row execute function public.fill_other_side();
    update public.users set first_name = ${first('name')}, last_name = ${last('name')}`);
}

/** Adds the new columns. What a writer leaves alone stays as it is until somebody calls {@link catchUp}. */
export async function expandAlone(pool: Pool): Promise<void> {
  await pool.query('alter table public.users add column first_name text, add column last_name text');
}

/** Fills the side that writers may leave alone, in every row: what a stream does that lags far behind. */
export async function catchUp(pool: Pool, direction: 'forward' | 'reverse'): Promise<void> {
  const derived = `(${first('name')}, ${last('name')})`;
  const given = `concat_ws(' ', first_name, last_name)`;
  await pool.query(
    direction === 'forward'
      ? `update public.users set (first_name, last_name) = row${derived}
          where (first_name, last_name) is distinct from ${derived}`
      : `update public.users set name = ${given}
          where name is distinct from ${given} and (first_name, last_name) is distinct from ${derived}`,
  );
}

/** The old column may stay empty from now on. */
export async function relax(pool: Pool): Promise<void> {
  await pool.query('alter table public.users alter column name drop not null');
}

/** The old column goes. */
export async function contract(pool: Pool): Promise<void> {
  await pool.query('drop trigger if exists fill_other_side on public.users; alter table public.users drop column name');
}

/** The new columns go. */
export async function abandon(pool: Pool): Promise<void> {
  await pool.query(`drop trigger fill_other_side on public.users;
                    alter table public.users drop column first_name, drop column last_name`);
}

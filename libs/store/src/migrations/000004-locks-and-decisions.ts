export const locksAndDecisions = /* sql */ `
-- Sorted by bytes in every database, so that all runs take names in the same order.
create table switchyard.locks (
  name text collate "C" primary key,
  workflow_id text not null,
  execution_id text not null,
  reason text not null,
  since timestamptz not null default now()
);

create table switchyard.lock_waiters (
  name text collate "C" not null,
  workflow_id text not null,
  execution_id text not null,
  reason text not null,
  since timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  primary key (name, execution_id)
);

create table switchyard.decisions (
  id text primary key,
  number bigint generated always as identity unique,
  run_id text not null,
  workflow_id text not null,
  subject text not null,
  decision text not null,
  by text not null,
  channel text not null,
  reason text not null,
  evidence text not null,
  data jsonb not null default '{}',
  at timestamptz not null,
  stored_at timestamptz not null default now()
);
create index decisions_by_run on switchyard.decisions (run_id, number);

create function switchyard.refuse_change() returns trigger language plpgsql as $body$
begin
  raise exception 'switchyard.% is append-only: % is refused', tg_table_name, lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$body$;

create trigger decisions_append_only before update or delete or truncate on switchyard.decisions
  for each statement execute function switchyard.refuse_change();
`;

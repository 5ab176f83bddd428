export const events = /* sql */ `
-- The last number given to an event of a run. Its row lock puts the writers of one run in a row until they commit,
-- so that numbers become visible in their order and a reader never sees 5 before 4.
create table switchyard.run_counters (
  run_id text primary key,
  last_seq bigint not null,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

-- Batches that were stored: a writer that lost the answer sends the same batch again, and nothing is stored twice.
create table switchyard.event_batches (
  run_id text not null,
  batch_id text not null,
  first_seq bigint not null,
  last_seq bigint not null,
  stored_at timestamptz not null default now(),
  primary key (run_id, batch_id)
);

-- Partitioned by the time of storing (the server's clock), because a partition key must be part of every unique key
-- and the author's clock may be wrong. (run_id, seq) is unique by the counter above.
create table switchyard.events (
  run_id text not null,
  seq bigint not null,
  workflow_id text not null,
  step text,
  attempt int not null,
  source text not null,
  type text not null,
  level text not null,
  subject text,
  message text not null,
  data jsonb not null,
  at timestamptz not null,
  stored_at timestamptz not null default now(),
  primary key (run_id, seq, stored_at)
) partition by range (stored_at);

-- The net: takes what no month was made for. Maintenance moves its rows out when it makes the month.
create table switchyard.events_default partition of switchyard.events default;

create index events_by_workflow on switchyard.events (workflow_id, seq);
`;

export const ledgers = /* sql */ `
-- The hosts of one execution, resolved once. execution_id is the first Temporal run id of the workflow,
-- so that a workflow id used again never meets old rows.
create table switchyard.host_snapshots (
  execution_id text primary key,
  run_id text not null,
  workflow_id text not null,
  inventory_digest text not null,
  created_at timestamptz not null default now()
);
create index host_snapshots_by_run on switchyard.host_snapshots (run_id, created_at);
create index host_snapshots_by_workflow on switchyard.host_snapshots (workflow_id, created_at);

create table switchyard.host_ledger (
  execution_id text not null references switchyard.host_snapshots on delete cascade,
  host text not null,
  state text not null default 'pending'
    check (state in ('pending', 'running', 'ok', 'failed', 'unreachable', 'skipped')),
  batch int,
  attempt int not null default 0,
  counts jsonb not null default '{}',
  message text,
  started_at timestamptz,
  ended_at timestamptz,
  primary key (execution_id, host)
) with (fillfactor = 70);

-- What an apply began and what it finished, so that a run that lost its worker can tell clean, tainted and orphaned.
create table switchyard.resource_ledger (
  execution_id text not null,
  address text not null,
  action text not null,
  run_id text not null,
  workflow_id text not null,
  state text not null check (state in ('started', 'completed', 'failed')),
  attempt int not null,
  resource_id text,
  message text,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (execution_id, address, action)
);
`;

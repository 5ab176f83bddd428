export const artifacts = /* sql */ `
-- Encrypted bytes. digest is null while they arrive; it is the SHA-256 of the plain bytes afterwards.
create table switchyard.artifact_blobs (
  id uuid primary key default gen_random_uuid(),
  digest text unique,
  bytes bigint,
  chunks int,
  key_id text not null,
  salt bytea not null,
  created_at timestamptz not null default now()
);

create table switchyard.artifact_chunks (
  blob_id uuid not null references switchyard.artifact_blobs on delete cascade,
  n int not null,
  data bytea not null,
  primary key (blob_id, n)
);
-- The bytes are encrypted: trying to compress them costs time and saves nothing.
alter table switchyard.artifact_chunks alter column data set storage external;

create table switchyard.artifact_refs (
  run_id text not null,
  kind text not null,
  name text not null,
  digest text not null references switchyard.artifact_blobs (digest),
  content_type text not null,
  created_at timestamptz not null default now(),
  primary key (run_id, kind, name, digest)
);
create index artifact_refs_by_digest on switchyard.artifact_refs (digest);
`;

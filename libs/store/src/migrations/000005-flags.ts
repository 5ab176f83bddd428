export const flags = /* sql */ `
-- The last version given to any flag. One count for all, so that a flag that was removed and is made again never gets
-- a version that an instance has acknowledged before.
create table switchyard.flag_counter (
  id int primary key default 1 check (id = 1),
  last_version bigint not null
);
insert into switchyard.flag_counter (last_version) values (0);

create table switchyard.flags (
  key text collate "C" primary key,
  kind text not null check (kind in ('boolean', 'string')),
  variants jsonb not null,
  default_variant text not null check (variants -> default_variant is not null),
  rollout jsonb,
  rules jsonb not null,
  is_enabled boolean not null,
  version bigint not null,
  owner text not null,
  reason text not null,
  updated_at timestamptz not null default now()
);

-- Who reads flags. seen_at is the server's clock; an instance that was not heard of for long counts as gone.
create table switchyard.flag_instances (
  service text collate "C" not null,
  instance text collate "C" not null,
  lease_ms int not null check (lease_ms > 0),
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  primary key (service, instance)
) with (fillfactor = 50);

-- The lowest version of a flag that any request on the instance may still use; 0 where it found no such flag.
create table switchyard.flag_uses (
  service text collate "C" not null,
  instance text collate "C" not null,
  key text collate "C" not null,
  version bigint not null,
  primary key (service, instance, key),
  foreign key (service, instance) references switchyard.flag_instances on delete cascade
) with (fillfactor = 50);
create index flag_uses_by_key on switchyard.flag_uses (key);

-- Reads of both shapes under one version of a flag. They outlive their instance: a mismatch stays a mismatch.
create table switchyard.flag_shadow_reads (
  key text collate "C" not null,
  version bigint not null,
  service text collate "C" not null,
  instance text collate "C" not null,
  compared bigint not null,
  mismatched bigint not null,
  seen_at timestamptz not null default now(),
  primary key (key, version, service, instance)
) with (fillfactor = 50);
`;

import { CodedError, type StoredEvent } from '@switchyard/contracts';
import { getArtifact, readArtifact, type OpenArtifact } from './artifacts/get.js';
import { parseArtifactKeys, type ArtifactKeys } from './artifacts/keys.js';
import { putArtifact, type ArtifactDigest, type PutArtifactOptions } from './artifacts/put.js';
import { followEvents, type FollowOptions } from './events/follow.js';
import { createEventListener } from './events/append.js';
import { createEventWriter, type EventWriter, type EventWriterOptions } from './events/writer.js';
import { maintain, type Maintained, type MaintainOptions } from './maintain.js';
import { assertSchema, migrate, type MigrateOptions, type MigrateResult } from './migrate.js';
import type { Db } from './sql.js';

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** The shared Knex; whoever made it closes it, after the store. */
  readonly knex: Db;
  /** SWITCHYARD_ARTIFACT_KEY as text, or parsed. Without it artifacts are refused and the rest works. */
  readonly key?: string | ArtifactKeys;
  /** Default: this machine's clock. Only retention and partitions ask it; rows carry the server's time. */
  readonly clock?: () => Date;
}

/** The store with what its parts share: the listener and the keys. Everything else is a function over `db`. */
export interface Store {
  readonly db: Db;
  migrate(options?: MigrateOptions): Promise<MigrateResult>;
  assertSchema(): Promise<void>;
  /** Each writer has a memory of its own and is closed by whoever made it. */
  createEventWriter(options?: EventWriterOptions): EventWriter;
  /** As {@link followEvents}, woken by the listener that all followers of this store share. */
  followEvents(
    options: Omit<FollowOptions, 'listener'> & ({ runId: string } | { workflowId: string }),
  ): AsyncGenerator<StoredEvent, void, undefined>;
  putArtifact(options: PutArtifactOptions): Promise<ArtifactDigest>;
  getArtifact(options: { readonly digest: string }): Promise<OpenArtifact>;
  readArtifact(options: { readonly digest: string; readonly maxBytes?: number }): Promise<Buffer>;
  maintain(options?: Omit<MaintainOptions, 'clock'>): Promise<Maintained>;
  /** Closes the listener's connection. Followers go on by polling until their signals abort. */
  close(): Promise<void>;
}

/** Opens the store. Connects to nothing yet. */
export function openStore({ knex: db, key, clock = () => new Date() }: OpenStoreOptions): Store {
  const keys = typeof key === 'string' ? parseArtifactKeys(key) : key;
  const listener = createEventListener(db);
  const theKeys = (): ArtifactKeys => {
    if (keys) return keys;
    throw new CodedError(
      'PreflightRefused',
      'artifacts need a key: set SWITCHYARD_ARTIFACT_KEY to 32 random bytes in base64',
    );
  };
  return {
    db,
    migrate: (options) => migrate(db, options),
    assertSchema: () => assertSchema(db),
    createEventWriter: (options) => createEventWriter(db, options),
    followEvents: (options) => followEvents(db, { ...options, listener }),
    putArtifact: async (options) => putArtifact(db, theKeys(), options),
    getArtifact: async (options) => getArtifact(db, theKeys(), options),
    readArtifact: async (options) => readArtifact(db, theKeys(), options),
    maintain: (options) => maintain(db, { ...options, clock }),
    close: () => listener.close(),
  };
}

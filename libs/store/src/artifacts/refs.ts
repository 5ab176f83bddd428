import { z } from 'zod';
import { count, execute, FOREIGN_KEY_VIOLATION, rows, sqlState, time, type Db } from '../sql.js';

/** An artifact as a run refers to it. */
export interface ArtifactRef {
  readonly runId: string;
  readonly kind: string;
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly createdAt: string;
}

/** What a run keeps, oldest first. */
export async function listArtifacts(db: Db, options: { readonly runId: string }): Promise<ArtifactRef[]> {
  return rows(
    db,
    refRow,
    `select r.run_id, r.kind, r.name, r.digest, b.bytes, r.content_type, r.created_at
       from switchyard.artifact_refs r join switchyard.artifact_blobs b using (digest)
      where r.run_id = :runId order by r.created_at, r.kind, r.name`,
    { runId: options.runId },
  );
}

/** The newest artifacts of a kind, whichever run keeps them, newest first. */
export async function newestArtifacts(
  db: Db,
  options: { readonly kind: string; readonly limit: number },
): Promise<ArtifactRef[]> {
  return rows(
    db,
    refRow,
    `select r.run_id, r.kind, r.name, r.digest, b.bytes, r.content_type, r.created_at
       from switchyard.artifact_refs r join switchyard.artifact_blobs b using (digest)
      where r.kind = :kind order by r.created_at desc, r.digest limit :limit::int`,
    { kind: options.kind, limit: options.limit },
  );
}

/** Retention: removes references made before a moment. The bytes go with the next {@link sweepArtifacts}. */
export async function dropArtifactRefsBefore(db: Db, options: { readonly before: Date }): Promise<number> {
  return execute(db, 'delete from switchyard.artifact_refs where created_at < :before', { before: options.before });
}

/**
 * Removes bytes that no run refers to and uploads that never ended.
 * @param options.olderThanMs age from which on an unfinished upload counts as dead. Default 24 hours
 * @returns blobs removed
 */
export async function sweepArtifacts(db: Db, options: { readonly olderThanMs?: number } = {}): Promise<number> {
  const seconds = (options.olderThanMs ?? 86_400_000) / 1_000;
  for (let attempt = 1; ; attempt++) {
    try {
      return await execute(db, SWEEP, { seconds });
    } catch (error) {
      // A run took a reference to the same bytes after this statement began; the next look sees it.
      if (sqlState(error) !== FOREIGN_KEY_VIOLATION || attempt === SWEEP_ATTEMPTS) throw error;
    }
  }
}

const SWEEP_ATTEMPTS = 5;

const SWEEP = /* sql */ `
delete from switchyard.artifact_blobs b
 where created_at < now() - make_interval(secs => :seconds::double precision)
   and not exists (select from switchyard.artifact_refs r where r.digest = b.digest)`;

const refRow = z
  .object({
    run_id: z.string(),
    kind: z.string(),
    name: z.string(),
    digest: z.string(),
    bytes: count,
    content_type: z.string(),
    created_at: time,
  })
  .transform((r): ArtifactRef => ({
    runId: r.run_id,
    kind: r.kind,
    name: r.name,
    digest: r.digest,
    bytes: r.bytes,
    contentType: r.content_type,
    createdAt: r.created_at,
  }));

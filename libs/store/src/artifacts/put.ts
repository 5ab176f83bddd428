import { createHash, randomBytes } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { execute, FOREIGN_KEY_VIOLATION, rows, sqlState, UNIQUE_VIOLATION, type Db } from '../sql.js';
import { CHUNK_BYTES, chunkCipher } from './cipher.js';
import type { ArtifactKeys } from './keys.js';

/** Most bytes of an artifact unless the caller says otherwise: 1 GiB. */
export const DEFAULT_MAX_ARTIFACT_BYTES = 1024 ** 3;

/** What can be kept. Pieces of a stream may have any size. */
export type ArtifactContent = string | Uint8Array | AsyncIterable<Uint8Array | string>;

/** Options of {@link putArtifact}. */
export interface PutArtifactOptions {
  /** The run that keeps it. */
  readonly runId: string;
  /** `plan`, `backup`, `inventory`, `log`. */
  readonly kind: string;
  /** A name for people, such as the file's. */
  readonly name: string;
  /** Default `application/octet-stream`. */
  readonly contentType?: string;
  readonly content: ArtifactContent;
  /** Default {@link DEFAULT_MAX_ARTIFACT_BYTES}. */
  readonly maxBytes?: number;
}

/** How an artifact is named: SHA-256 of the plain bytes. Equal bytes are stored once. */
export interface ArtifactDigest {
  readonly digest: string;
  readonly bytes: number;
}

/**
 * Encrypts bytes, stores them in chunks while they arrive, and ties them to the run. A call that fails leaves nothing;
 * a process that dies leaves an unfinished blob, which `sweepArtifacts` removes.
 * @throws CodedError InvalidInput when there are more than `maxBytes`
 */
export async function putArtifact(db: Db, keys: ArtifactKeys, options: PutArtifactOptions): Promise<ArtifactDigest> {
  const salt = randomBytes(32);
  const blobId = await createBlob(db, keys.current.id, salt);
  try {
    const cipher = chunkCipher(keys.current, salt);
    const hash = createHash('sha256');
    const limit = options.maxBytes ?? DEFAULT_MAX_ARTIFACT_BYTES;
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of chunked(options.content)) {
      bytes += chunk.length;
      if (bytes > limit) {
        throw new CodedError(
          'InvalidInput',
          `artifact ${options.kind} "${options.name}" has more than ${limit} bytes: raise the limit, or keep it elsewhere and store its address`,
          { details: { kind: options.kind, name: options.name, limit } },
        );
      }
      hash.update(chunk);
      await insertChunk(db, blobId, chunks, cipher.seal(chunks, chunk));
      chunks++;
    }
    const digest = `sha256:${hash.digest('hex')}`;
    await finish(db, keys, { blobId, digest, bytes, chunks, options });
    return { digest, bytes };
  } catch (error) {
    await deleteBlob(db, blobId).catch(() => undefined);
    throw error;
  }
}

interface Finished {
  readonly blobId: string;
  readonly digest: string;
  readonly bytes: number;
  readonly chunks: number;
  readonly options: PutArtifactOptions;
}

/** Times that naming a blob is tried again when another process stores or sweeps the same bytes at that moment. */
const FINISH_ATTEMPTS = 5;

async function finish(db: Db, keys: ArtifactKeys, finished: Finished): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction((trx) => nameBlob(trx, keys, finished));
    } catch (error) {
      const isRace = [UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION].includes(sqlState(error) ?? '');
      if (!isRace || attempt === FINISH_ATTEMPTS) throw error;
    }
  }
}

/** Gives the blob its digest, or drops it where the same bytes are stored and readable already; then adds the reference. */
async function nameBlob(
  trx: Db,
  keys: ArtifactKeys,
  { blobId, digest, bytes, chunks, options }: Finished,
): Promise<void> {
  const [same] = await rows(
    trx,
    z.object({ id: z.string(), key_id: z.string() }),
    'select id, key_id from switchyard.artifact_blobs where digest = :digest for update',
    { digest },
  );
  if (!same) {
    await execute(
      trx,
      'update switchyard.artifact_blobs set digest = :digest, bytes = :bytes, chunks = :chunks where id = :blobId',
      { digest, bytes, chunks, blobId },
    );
  } else if (keys.find(same.key_id)) {
    await deleteBlob(trx, blobId);
  } else {
    // Stored under a key that is gone: nobody can read those bytes, and these are the same. References stay.
    await execute(trx, 'delete from switchyard.artifact_chunks where blob_id = :id', { id: same.id });
    await execute(trx, 'update switchyard.artifact_chunks set blob_id = :id where blob_id = :blobId', {
      id: same.id,
      blobId,
    });
    await execute(
      trx,
      `update switchyard.artifact_blobs b set key_id = n.key_id, salt = n.salt, chunks = :chunks::int
         from switchyard.artifact_blobs n where b.id = :id and n.id = :blobId`,
      { id: same.id, blobId, chunks },
    );
    await deleteBlob(trx, blobId);
  }
  await execute(
    trx,
    `insert into switchyard.artifact_refs (run_id, kind, name, digest, content_type)
     values (:runId, :kind, :name, :digest, :contentType) on conflict do nothing`,
    {
      runId: options.runId,
      kind: options.kind,
      name: options.name,
      digest,
      contentType: options.contentType ?? 'application/octet-stream',
    },
  );
}

async function createBlob(db: Db, keyId: string, salt: Buffer): Promise<string> {
  const [row] = await rows(
    db,
    z.object({ id: z.string() }),
    'insert into switchyard.artifact_blobs (key_id, salt) values (:keyId, :salt) returning id',
    { keyId, salt },
  );
  if (!row) throw new Error('the insert of an artifact returned no row');
  return row.id;
}

async function insertChunk(db: Db, blobId: string, n: number, data: Buffer): Promise<void> {
  await execute(db, 'insert into switchyard.artifact_chunks (blob_id, n, data) values (:blobId, :n, :data)', {
    blobId,
    n,
    data,
  });
}

async function deleteBlob(db: Db, blobId: string): Promise<void> {
  await execute(db, 'delete from switchyard.artifact_blobs where id = :blobId', { blobId });
}

/** The content in pieces of CHUNK_BYTES, the last one shorter. Holds one piece at a time. */
export async function* chunked(content: ArtifactContent): AsyncGenerator<Buffer, void, undefined> {
  const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    let rest =
      typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    while (size + rest.length >= CHUNK_BYTES) {
      const cut = CHUNK_BYTES - size;
      yield Buffer.concat([...held, rest.subarray(0, cut)]);
      rest = rest.subarray(cut);
      held = [];
      size = 0;
    }
    if (rest.length > 0) {
      held.push(rest);
      size += rest.length;
    }
  }
  if (size > 0) yield Buffer.concat(held);
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { count, rows, type Db } from '../sql.js';
import { chunkCipher } from './cipher.js';
import type { ArtifactKeys } from './keys.js';
import type { ArtifactDigest } from './put.js';

/** An artifact that is read. */
export interface OpenArtifact extends ArtifactDigest {
  /**
   * The plain bytes. Each chunk is proved before it is given; the whole is proved at the end, so that the stream fails
   * instead of ending when something is missing. Use nothing of it before it ended well.
   */
  readonly content: Readable;
}

/** Opens an artifact by its digest.
 * @throws CodedError NotFound for an unknown digest, PreflightRefused when the key that encrypted it is not configured
 */
export async function getArtifact(
  db: Db,
  keys: ArtifactKeys,
  options: { readonly digest: string },
): Promise<OpenArtifact> {
  const { digest } = options;
  const [blob] = await rows(
    db,
    blobRow,
    'select id, bytes, chunks, key_id, salt from switchyard.artifact_blobs where digest = :digest',
    { digest },
  );
  if (!blob)
    throw new CodedError('NotFound', `artifact ${digest} does not exist: it was never stored, or retention removed it`);
  const key = keys.find(blob.key_id);
  if (!key) {
    throw new CodedError(
      'PreflightRefused',
      `artifact ${digest} was encrypted with key ${blob.key_id}, and this process has ${keys.ids.join(', ')}: ` +
        'add the former key behind the current one in SWITCHYARD_ARTIFACT_KEY',
      { details: { digest, keyId: blob.key_id, configured: keys.ids } },
    );
  }
  const content = Readable.from(plainChunks(db, digest, blob, chunkCipher(key, blob.salt)), { objectMode: false });
  return { digest, bytes: blob.bytes, content };
}

/**
 * Reads a whole artifact into memory; for plans and manifests, not for backups.
 * @throws CodedError InvalidInput when it has more than `maxBytes` (default 64 MiB), otherwise as {@link getArtifact}
 */
export async function readArtifact(
  db: Db,
  keys: ArtifactKeys,
  options: { readonly digest: string; readonly maxBytes?: number },
): Promise<Buffer> {
  const { maxBytes = 64 * 1024 * 1024 } = options;
  const artifact = await getArtifact(db, keys, options);
  if (artifact.bytes > maxBytes) {
    throw new CodedError(
      'InvalidInput',
      `artifact ${artifact.digest} has ${artifact.bytes} bytes, and at most ${maxBytes} are read into memory: stream it`,
    );
  }
  const parts: Buffer[] = [];
  for await (const part of artifact.content) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const blobRow = z.object({
  id: z.string(),
  bytes: count,
  chunks: z.number(),
  key_id: z.string(),
  salt: z.instanceof(Buffer),
});

async function* plainChunks(
  db: Db,
  digest: string,
  blob: z.output<typeof blobRow>,
  cipher: ReturnType<typeof chunkCipher>,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  for (let n = 0; n < blob.chunks; n++) {
    const [row] = await rows(
      db,
      z.object({ data: z.instanceof(Buffer) }),
      'select data from switchyard.artifact_chunks where blob_id = :id and n = :n::int',
      { id: blob.id, n },
    );
    if (!row) throw damaged(digest, `chunk ${n} of ${blob.chunks} is missing`);
    const plain = openChunk(cipher, n, row.data, digest);
    hash.update(plain);
    yield plain;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw damaged(digest, `its bytes have the digest ${found}`);
}

function openChunk(cipher: ReturnType<typeof chunkCipher>, n: number, data: Buffer, digest: string): Buffer {
  try {
    return cipher.open(n, data);
  } catch (error) {
    throw damaged(digest, `chunk ${n} does not match its seal`, error);
  }
}

function damaged(digest: string, what: string, cause?: unknown): CodedError {
  return new CodedError(
    'Internal',
    `artifact ${digest} is damaged: ${what}. Restore the store's database or make the artifact again`,
    {
      retryable: false,
      details: { digest, what },
      cause,
    },
  );
}

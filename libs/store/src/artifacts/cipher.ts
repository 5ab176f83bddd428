import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { ArtifactKey } from './keys.js';

/** Plain bytes per chunk: large enough to be quick, small enough that a few of them do not matter. */
export const CHUNK_BYTES = 512 * 1024;

const TAG_BYTES = 16;

/** Encrypts and decrypts the chunks of one blob with AES-256-GCM. */
export interface ChunkCipher {
  seal(n: number, plain: Buffer): Buffer;
  /** @throws Error when the chunk was changed, moved or belongs to another blob or key */
  open(n: number, sealed: Buffer): Buffer;
}

/**
 * A cipher for one blob. Its key is derived from the key and a salt that no other blob has, so the number of the chunk
 * can be the nonce: no pair of key and nonce comes twice. A chunk in the wrong place does not open; a missing last
 * chunk shows in the digest of the whole.
 */
export function chunkCipher(key: ArtifactKey, salt: Buffer): ChunkCipher {
  const blobKey = Buffer.from(hkdfSync('sha256', key.bytes, salt, 'switchyard artifact v1', 32));
  return {
    seal(n, plain) {
      const cipher = createCipheriv('aes-256-gcm', blobKey, nonce(n));
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(n, sealed) {
      if (sealed.length < TAG_BYTES) throw new Error(`chunk ${n} has only ${sealed.length} bytes`);
      const decipher = createDecipheriv('aes-256-gcm', blobKey, nonce(n), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
    },
  };
}

function nonce(n: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(n, 8);
  return bytes;
}

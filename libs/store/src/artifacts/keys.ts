import { createHash } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';

/** One key, 32 bytes, with the id that is stored beside what it encrypted. The id tells nothing about the key. */
export interface ArtifactKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The keys of this process: the first encrypts, all decrypt. */
export interface ArtifactKeys {
  readonly current: ArtifactKey;
  find(id: string): ArtifactKey | undefined;
  readonly ids: readonly string[];
}

/**
 * Reads the keys of SWITCHYARD_ARTIFACT_KEY: base64 of 32 bytes, or several separated by commas or spaces, the current
 * one first. To rotate, put a new key in front and keep the former ones until what they encrypted is gone.
 * @throws CodedError InvalidInput; the message never holds any part of a key
 */
export function parseArtifactKeys(text: string): ArtifactKeys {
  const keys = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(parseKey);
  const [current] = keys;
  if (!current) throw new CodedError('InvalidInput', `the artifact key is empty: ${HOW_TO_MAKE_ONE}`);
  const byId = new Map(keys.map((key) => [key.id, key]));
  return { current, find: (id) => byId.get(id), ids: [...byId.keys()] };
}

const HOW_TO_MAKE_ONE =
  'set SWITCHYARD_ARTIFACT_KEY to 32 random bytes in base64, for example from `openssl rand -base64 32`';

function parseKey(text: string, index: number): ArtifactKey {
  const bytes = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text) || bytes.length !== 32) {
    throw new CodedError(
      'InvalidInput',
      `artifact key number ${index + 1} is not base64 of 32 bytes: ${HOW_TO_MAKE_ONE}`,
    );
  }
  const id = createHash('sha256').update('switchyard artifact key id').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

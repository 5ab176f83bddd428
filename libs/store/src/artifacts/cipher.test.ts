import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { chunkCipher } from './cipher.js';
import { parseArtifactKeys } from './keys.js';

const { current: key } = parseArtifactKeys(randomBytes(32).toString('base64'));
const plain = Buffer.from('some bytes');

describe('chunkCipher', () => {
  test('opens what it sealed, and only at the same place, with the same salt and the same key', () => {
    const salt = randomBytes(32);
    const cipher = chunkCipher(key, salt);
    const sealed = cipher.seal(3, plain);
    expect(cipher.open(3, sealed)).toEqual(plain);
    expect(chunkCipher(key, salt).open(3, sealed)).toEqual(plain);
    expect(() => cipher.open(2, sealed)).toThrow('authenticate');
    expect(() => chunkCipher(key, randomBytes(32)).open(3, sealed)).toThrow('authenticate');
    const { current: other } = parseArtifactKeys(randomBytes(32).toString('base64'));
    expect(() => chunkCipher(other, salt).open(3, sealed)).toThrow('authenticate');
  });

  test('never makes the same bytes of the same text in two blobs', () => {
    const [a, b] = [chunkCipher(key, randomBytes(32)), chunkCipher(key, randomBytes(32))];
    expect(a.seal(0, plain)).not.toEqual(b.seal(0, plain));
  });

  test('refuses a chunk that is too short to hold a seal', () => {
    expect(() => chunkCipher(key, randomBytes(32)).open(0, Buffer.alloc(15))).toThrow('15 bytes');
  });
});

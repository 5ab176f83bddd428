import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

/** Values of the four bytes that a bucket is made of. */
const RANGE = 2 ** 32;

/**
 * Where a targeting key stands in the rollout of a flag: a number from 0 up to but not including 100, always the same
 * for the same pair. A rollout of p percent takes every bucket below p, so whoever is in at 10 % stays in at 50 %, and
 * two flags draw independently. Any language can compute it: SHA-256 over flag key, a zero byte and targeting key in
 * UTF-8; its first four bytes as a big-endian number, times 100, divided by 2^32.
 */
export function bucketOf(flagKey: string, targetingKey: string): number {
  const digest = sha256(utf8ToBytes(`${flagKey}\0${targetingKey}`));
  return (new DataView(digest.buffer, digest.byteOffset).getUint32(0) * 100) / RANGE;
}

import { createHash } from 'node:crypto';

const digestOf = (effect: string): string => createHash('sha256').update(effect).digest('hex');

/**
 * The name of an effect in other services: a label, tag, correlation id or deduplication key by which it is found again.
 * 43 characters without spaces, which every one of them takes.
 */
export function markOf(effect: string): string {
  return `switchyard-${digestOf(effect).slice(0, 32)}`;
}

/** The same as a UUID (version 8, RFC 9562), for services that know things by one. */
export function uuidOf(effect: string): string {
  const hex = digestOf(effect);
  const variant = (8 + (Number.parseInt(hex.charAt(16), 16) % 4)).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

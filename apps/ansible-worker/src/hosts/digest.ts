import { createHash } from 'node:crypto';

/** Digest of an inventory as one run saw it: its hosts, and the groups' own digest as the plugin made it. */
export function inventoryDigestOf(hosts: readonly string[], groups: string): string {
  const text = JSON.stringify({ groups, hosts: hosts.toSorted() });
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

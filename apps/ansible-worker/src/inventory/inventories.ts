import { createHash } from 'node:crypto';
import {
  formatDuration,
  type AnsibleInput,
  type CmdbInventory,
  type InventoryGroups,
  type InventorySource,
  type RunRef,
} from '@switchyard/contracts';
import { z } from 'zod';
import type { AnsibleDeps } from '../ports.js';
import { AskedWaits } from './asked-waits.js';
import { cmdbGroups, cmdbHostsSchema, type CmdbHost } from './cmdb-page.js';
import { fetchCmdb } from './fetch-cmdb.js';
import type { InventoryOutput } from './inventory-output.js';
import { inventorySources } from './sources.js';
import { terraformGroups } from './terraform-groups.js';

/** Hosts by the position of their source. */
const frozenSchema = z.record(z.string(), cmdbHostsSchema);

type Deps = Pick<AnsibleDeps, 'inventories' | 'secret'>;

/** Turns the sources of an inventory into groups, once per execution. */
export class Inventories {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * The groups of each source; undefined for one that is a path, which Ansible reads itself. What a CMDB gave is kept
   * for the execution before anything runs, so that all batches and later workers work with the same hosts.
   */
  async groupsOf(
    ref: RunRef,
    input: Pick<AnsibleInput, 'inventory'>,
    signal: AbortSignal,
    output: InventoryOutput,
  ): Promise<readonly (InventoryGroups | undefined)[]> {
    const sources = inventorySources(input);
    const asked = sources.some(isCmdb) ? await this.#asked(ref, sources, signal, output) : {};
    return sources.map((source, index) => {
      if (typeof source === 'string') return undefined;
      if ('groups' in source && !('source' in source)) return source.groups;
      if (source.source === 'terraform') return terraformGroups(source);
      return cmdbGroups(asked[index] ?? [], source.become);
    });
  }

  async #asked(
    ref: RunRef,
    sources: readonly InventorySource[],
    signal: AbortSignal,
    output: InventoryOutput,
  ): Promise<Record<string, readonly CmdbHost[]>> {
    const frozen = await this.#deps.inventories.frozen(ref);
    if (frozen !== undefined) return frozenSchema.parse(frozen);
    const found: Record<string, readonly CmdbHost[]> = {};
    const waits = new AskedWaits(output);
    for (const [index, source] of sources.entries()) {
      // One server after the other: there are one or two.
      // oxlint-disable-next-line no-await-in-loop
      if (isCmdb(source)) found[index] = await this.#hostsOf(source, signal, output, waits);
    }
    await this.#deps.inventories.freeze(ref, found);
    return found;
  }

  async #hostsOf(
    source: CmdbInventory,
    signal: AbortSignal,
    output: InventoryOutput,
    waits: AskedWaits,
  ): Promise<readonly CmdbHost[]> {
    const { url, refresh } = source;
    const key = createHash('sha256')
      .update(JSON.stringify([url, source.token?.$secret]))
      .digest('hex');
    const known = refresh === 'always' ? undefined : await this.#deps.inventories.cached(key);
    if (known !== undefined) {
      const ageMs = Math.max(0, Date.now() - Date.parse(known.at));
      if (refresh === 'never' || ageMs < source.ttl) {
        const hosts = cmdbHostsSchema.parse(known.answer);
        await tell(output, source, hosts, `${formatDuration(ageMs)} old`, { digest: known.digest, ageMs });
        return hosts;
      }
    }
    const token = source.token && (await this.#deps.secret(source.token.$secret));
    const at = new Date().toISOString();
    const hosts = await fetchCmdb(source, token, signal, waits);
    // Only a whole answer gets here; an old one stays when the CMDB fails, and is not taken for a new one.
    const digest = refresh === 'always' ? null : await this.#deps.inventories.cache(key, hosts, at);
    await tell(output, source, hosts, 'asked now', { digest, ageMs: 0 });
    return hosts;
  }
}

function isCmdb(source: InventorySource): source is CmdbInventory {
  return typeof source === 'object' && 'source' in source && source.source === 'cmdb';
}

async function tell(
  output: InventoryOutput,
  { url, refresh }: CmdbInventory,
  hosts: readonly CmdbHost[],
  age: string,
  more: { readonly digest: string | null; readonly ageMs: number },
): Promise<void> {
  const { host } = new URL(url);
  const message = `inventory: ${hosts.length} host${hosts.length === 1 ? '' : 's'} from the CMDB at ${host}, ${age}`;
  await output.say('inventory', message, { data: { source: 'cmdb', refresh, hosts: hosts.length, ...more } });
}

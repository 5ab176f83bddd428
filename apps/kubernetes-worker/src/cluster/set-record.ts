import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import type { Placed } from '../activities/place-objects.js';
import { keyOf, type Identity } from '../manifests/identity.js';
import type { ApiClient } from './api-client.js';

const memberSchema = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().nullable(),
  name: z.string(),
});

/**
 * Which objects belong to a set, as a ConfigMap beside them: what was applied once and is not in the set any more can
 * be named by nobody else. Before objects are applied it also holds the new ones, so that one that is made just before
 * a crash is still known.
 */
export class SetRecord {
  readonly #api: ApiClient;
  readonly #place: Identity;
  readonly #set: string;

  constructor(api: ApiClient, { set, namespace }: { readonly set: string; readonly namespace: string }) {
    this.#api = api;
    this.#set = set;
    this.#place = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: `switchyard-set-${set}` };
  }

  async read(): Promise<readonly Identity[]> {
    const found = await this.#api.get(this.#place);
    const text = (found?.['data'] as { members?: unknown } | undefined)?.members;
    if (typeof text !== 'string') return [];
    try {
      return z.array(memberSchema).parse(JSON.parse(text));
    } catch (error) {
      throw new CodedError(
        'PreflightRefused',
        `ConfigMap ${this.#place.namespace ?? ''}/${this.#place.name}: \`data.members\` is not what was written there; mend it, or delete it and prune by hand`,
        { cause: error },
      );
    }
  }

  async add(placed: readonly Placed[], known: readonly Identity[]): Promise<void> {
    const keys = new Set(known.map(keyOf));
    const added = placed.map(({ identity }) => identity).filter((identity) => !keys.has(keyOf(identity)));
    if (added.length > 0 || known.length === 0) await this.write([...known, ...added]);
  }

  async write(members: readonly Identity[]): Promise<void> {
    await this.#api.apply(
      this.#place,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: this.#place.name,
          ...(this.#place.namespace === null ? {} : { namespace: this.#place.namespace }),
          labels: { 'app.kubernetes.io/managed-by': 'switchyard' },
          annotations: { 'switchyard.dev/set': this.#set },
        },
        data: { members: JSON.stringify(members.map(plain)) },
      },
      { force: true, dryRun: false },
    );
  }

  async remove(): Promise<void> {
    await this.#api.delete(this.#place, { dryRun: false });
  }
}

const plain = ({ apiVersion, kind, namespace, name }: Identity): Identity => ({ apiVersion, kind, namespace, name });

import { CodedError, type KubernetesInput, type KubernetesObject } from '@switchyard/contracts';
import type { ApiClient } from '../cluster/api-client.js';
import { identityOf, keyOf, nameOf, type Identity } from '../manifests/identity.js';
import { inOrder } from '../manifests/order.js';

/** An object with the place that it has in the cluster. */
export interface Placed {
  readonly identity: Identity;
  readonly object: KubernetesObject;
}

/** By this label the objects of a set are told from others. */
export const SET_LABEL = 'switchyard.dev/set';

/**
 * The objects in the order of applying, each with its namespace, and the label of the set. Those of a kind that only
 * this set itself defines come with the namespace that they name, or that of the input.
 * @throws InvalidInput when two are the same object, KubernetesRefused for a kind that nobody knows
 */
export async function placeObjects(
  api: ApiClient,
  objects: readonly KubernetesObject[],
  { namespace, set }: KubernetesInput,
): Promise<Placed[]> {
  const own = definedBy(objects);
  const seen = new Set<string>();
  const placed: Placed[] = [];
  for (const given of inOrder(objects)) {
    const scope = own.get(kindKey(given));
    // Discovery is kept per group: asked in order, each is asked once.
    // oxlint-disable-next-line no-await-in-loop
    const isKnown = scope === undefined || (await api.knows(given.apiVersion, given.kind));
    // oxlint-disable-next-line no-await-in-loop
    const object = labelled(isKnown ? await api.placed(given, namespace) : placedBy(given, scope, namespace), set);
    const identity = identityOf(object);
    if (seen.has(keyOf(identity))) {
      throw new CodedError('InvalidInput', `${nameOf(identity)} is in the manifests twice; take one of them out`);
    }
    seen.add(keyOf(identity));
    placed.push({ identity, object });
  }
  return placed;
}

type Scope = 'Namespaced' | 'Cluster';

const kindKey = ({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string =>
  `${apiVersion} ${kind}`;

/** The kinds that custom resource definitions of the set bring, with their scope. */
export function definedBy(objects: readonly KubernetesObject[]): ReadonlyMap<string, Scope> {
  const found = new Map<string, Scope>();
  for (const { kind, ...object } of objects) {
    if (kind !== 'CustomResourceDefinition') continue;
    const { group, names, scope, versions } = (object['spec'] ?? {}) as {
      group?: string;
      names?: { kind?: string };
      scope?: string;
      versions?: { name?: string }[];
    };
    for (const version of versions ?? []) {
      found.set(
        `${group ?? ''}/${version.name ?? ''} ${names?.kind ?? ''}`,
        scope === 'Cluster' ? 'Cluster' : 'Namespaced',
      );
    }
  }
  return found;
}

function placedBy(object: KubernetesObject, scope: Scope | undefined, namespace: string): KubernetesObject {
  if (scope === 'Cluster') return object;
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } };
}

function labelled(object: KubernetesObject, set: string | undefined): KubernetesObject {
  if (set === undefined) return object;
  const labels = object.metadata['labels'];
  const own = typeof labels === 'object' && labels !== null ? labels : {};
  return { ...object, metadata: { ...object.metadata, labels: { ...own, [SET_LABEL]: set } } };
}

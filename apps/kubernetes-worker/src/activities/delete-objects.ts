import type { AppliedObject } from '@switchyard/contracts';
import { SetRecord } from '../cluster/set-record.js';
import { keyOf, nameOf, type Identity } from '../manifests/identity.js';
import { readManifests } from '../manifests/read-manifests.js';
import type { Applied, KubernetesCall } from '../workflows/activities.js';
import type { Attempt } from './attempt.js';
import { placeObjects, SET_LABEL } from './place-objects.js';

/** Deletes the objects, last applied first. What is not there is no error: an attempt before may have deleted it. */
export async function deleteObjects(attempt: Attempt): Promise<Applied> {
  const { api, call, roots } = attempt;
  const { input } = call;
  const { objects, digest } = await readManifests(roots, input);
  const placed = await placeObjects(api, objects, input);
  const deleted = await removeAll(attempt, placed.map(({ identity }) => identity).toReversed(), 'deleted');
  if (input.set !== undefined && !input.dryRun) {
    await new SetRecord(api, { set: input.set, namespace: input.namespace }).remove();
  }
  return { objects: deleted, manifestDigest: digest };
}

/**
 * Deletes what the record of the set knows and the set does not hold any more. An object that does not carry the label
 * of the set has been given to somebody else since, and stays.
 */
export async function pruneObjects(
  attempt: Attempt<KubernetesCall & { readonly keep: readonly Identity[] }>,
): Promise<readonly AppliedObject[]> {
  const { api, call } = attempt;
  const { namespace, set, dryRun } = call.input;
  if (set === undefined) return [];
  const record = new SetRecord(api, { set, namespace });
  const kept = new Set(call.keep.map(keyOf));
  const known = await record.read();
  const gone: Identity[] = [];
  for (const identity of known.filter((one) => !kept.has(keyOf(one)))) {
    // oxlint-disable-next-line no-await-in-loop
    const found = (await api.knows(identity.apiVersion, identity.kind)) ? await api.get(identity) : undefined;
    const labels = found?.metadata['labels'] as Readonly<Record<string, string>> | undefined;
    if (found && labels?.[SET_LABEL] === set) gone.push(identity);
  }
  const pruned = await removeAll(attempt, gone.toReversed(), 'pruned');
  // Only then: what a death before this line leaves is pruned by the next attempt.
  if (!dryRun) await record.write(known.filter((one) => kept.has(keyOf(one))));
  return pruned;
}

async function removeAll(
  { api, call, tell, progress, signal }: Attempt,
  identities: readonly Identity[],
  change: 'deleted' | 'pruned',
): Promise<AppliedObject[]> {
  const removed: AppliedObject[] = [];
  for (const identity of identities) {
    signal.throwIfAborted();
    // oxlint-disable-next-line no-await-in-loop
    const wasThere = (await api.knows(identity.apiVersion, identity.kind)) && (await api.delete(identity, call.input));
    const { apiVersion, kind, namespace, name } = identity;
    removed.push({ apiVersion, kind, namespace, name, change: wasThere ? change : 'absent' });
    // oxlint-disable-next-line no-await-in-loop
    if (wasThere) await tell(`object_${change}`, identity, `${nameOf(identity)} ${change}`);
    progress(
      Math.floor((100 * removed.length) / identities.length),
      `${removed.length} of ${identities.length} objects`,
    );
  }
  return removed;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type AppliedObject } from '@switchyard/contracts';
import { FIELD_MANAGER, type ApiClient, type LiveObject } from '../cluster/api-client.js';
import { SetRecord } from '../cluster/set-record.js';
import { nameOf } from '../manifests/identity.js';
import { readManifests } from '../manifests/read-manifests.js';
import { readinessOf } from '../readiness/readiness.js';
import type { Applied } from '../workflows/activities.js';
import type { Attempt } from './attempt.js';
import { definedBy, placeObjects, type Placed } from './place-objects.js';

/** A definition is served by every API server some moments after it was taken. */
const ESTABLISHED_MS = 60_000;

/**
 * Lets the API server judge all objects without changing anything, then applies them in order. Applying again what is
 * applied changes nothing, so an attempt after a crash is the same as the first.
 */
export async function applyObjects({ api, call, tell, progress, signal, roots }: Attempt): Promise<Applied> {
  const { input, startedAt } = call;
  const { objects, digest } = await readManifests(roots, input);
  const placed = await placeObjects(api, objects, input);
  const tried = await tryAll(api, placed, input.force, signal);
  if (input.set !== undefined && !input.dryRun) {
    const record = new SetRecord(api, { set: input.set, namespace: input.namespace });
    await makeNamespace(api, placed, input.namespace);
    await record.add(placed, await record.read());
  }
  const applied: AppliedObject[] = [];
  for (const one of placed) {
    const { identity, object } = one;
    signal.throwIfAborted();
    // What comes later may need what comes before.
    // oxlint-disable-next-line no-await-in-loop
    const before = await currently(api, one, input.dryRun);
    // oxlint-disable-next-line no-await-in-loop
    const after = input.dryRun ? tried.get(one) : await api.apply(identity, object, input);
    const change = changeOf({ before, after, startedAt, isRepeated: call.attempt > 1 });
    applied.push({ ...identity, change });
    // oxlint-disable-next-line no-await-in-loop
    if (change !== 'unchanged')
      await tell(`object_${change}`, identity, `${nameOf(identity)} ${change}${input.dryRun ? ' (dry run)' : ''}`);
    progress(Math.floor((100 * applied.length) / placed.length), `${applied.length} of ${placed.length} objects`);
    // oxlint-disable-next-line no-await-in-loop
    if (object.kind === 'CustomResourceDefinition' && !input.dryRun) await untilServed(api, one, signal);
  }
  return { objects: applied, manifestDigest: digest };
}

/**
 * All that the server would refuse is known before the first object is changed.
 * @returns what each object would become; nothing for one that cannot be tried
 */
async function tryAll(
  api: ApiClient,
  placed: readonly Placed[],
  force: boolean,
  signal: AbortSignal,
): Promise<ReadonlyMap<Placed, LiveObject>> {
  const brought = broughtBy(placed);
  const tried = new Map<Placed, LiveObject>();
  const refused: CodedError[] = [];
  for (const one of placed) {
    signal.throwIfAborted();
    try {
      // oxlint-disable-next-line no-await-in-loop
      if (!(await canTry(api, one, brought))) continue;
      // oxlint-disable-next-line no-await-in-loop
      tried.set(one, await api.apply(one.identity, one.object, { force, dryRun: true }));
    } catch (error) {
      if (!(error instanceof CodedError) || error.retryable) throw error;
      refused.push(error);
    }
  }
  const [first] = refused;
  if (first === undefined) return tried;
  const more =
    refused.length > 1
      ? ` (and ${refused.length - 1} more: ${refused
          .slice(1, 6)
          .map(({ message }) => message)
          .join('; ')})`
      : '';
  throw new CodedError(first.code, `nothing was applied: ${first.message}${more}`, {
    details: { refused: refused.slice(0, 20).map(({ code, message, details }) => ({ code, message, details })) },
  });
}

/** What a set brings itself. */
interface Brought {
  readonly kinds: ReturnType<typeof definedBy>;
  readonly namespaces: ReadonlySet<string>;
}

const isNamespace = ({ identity }: Placed): boolean => identity.kind === 'Namespace';

const broughtBy = (placed: readonly Placed[]): Brought => ({
  kinds: definedBy(placed.map(({ object }) => object)),
  namespaces: new Set(placed.filter(isNamespace).map(({ identity }) => identity.name)),
});

/** Objects in a namespace, or of a kind, that the set itself brings cannot be tried before that is there. */
async function canTry(api: ApiClient, { identity, object }: Placed, brought: Brought): Promise<boolean> {
  const { apiVersion, kind } = object;
  if (brought.kinds.has(`${apiVersion} ${kind}`) && !(await api.knows(apiVersion, kind))) return false;
  const { namespace } = identity;
  if (namespace === null || !brought.namespaces.has(namespace)) return true;
  return (await api.get(namespaceOf(namespace))) !== undefined;
}

const namespaceOf = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', namespace: null, name });

/** The record of a set lies in its namespace, which the set may bring itself. */
async function makeNamespace(api: ApiClient, placed: readonly Placed[], name: string): Promise<void> {
  const own = placed.find((one) => isNamespace(one) && one.identity.name === name);
  if (own) await api.apply(own.identity, own.object, { force: false, dryRun: false });
}

async function currently(
  api: ApiClient,
  { identity, object }: Placed,
  dryRun: boolean,
): Promise<LiveObject | undefined> {
  if (dryRun && !(await api.knows(object.apiVersion, object.kind))) return undefined;
  return api.get(identity);
}

/** What an apply did. An attempt that was lost may have done it: then the times that the server keeps tell it. */
export function changeOf(seen: {
  readonly before: LiveObject | undefined;
  readonly after: LiveObject | undefined;
  readonly startedAt: string;
  readonly isRepeated: boolean;
}): AppliedObject['change'] {
  const { before, after, startedAt, isRepeated } = seen;
  if (before === undefined) return 'created';
  const since = Math.floor(Date.parse(startedAt) / 1_000) * 1_000; // the server keeps whole seconds
  const metadata = (after ?? before).metadata as {
    creationTimestamp?: string;
    resourceVersion?: string;
    managedFields?: { manager?: string; operation?: string; time?: string }[];
  };
  if (isRepeated && Date.parse(metadata.creationTimestamp ?? '') >= since) return 'created';
  if (after === undefined) return 'unchanged';
  if (metadata.resourceVersion !== before.metadata['resourceVersion']) return 'configured';
  const own = metadata.managedFields?.find(
    ({ manager, operation }) => manager === FIELD_MANAGER && operation === 'Apply',
  );
  return isRepeated && Date.parse(own?.time ?? '') >= since ? 'configured' : 'unchanged';
}

async function untilServed(api: ApiClient, { identity, object }: Placed, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + ESTABLISHED_MS;
  const kinds = [...definedBy([object]).keys()].map((key) => key.split(' ') as [string, string]);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const found = await api.get(identity);
    // oxlint-disable-next-line no-await-in-loop
    const served = await Promise.all(kinds.map(([apiVersion, kind]) => api.knows(apiVersion, kind)));
    if (found && readinessOf(found).state === 'ready' && served.every(Boolean)) return;
    if (Date.now() > deadline) {
      throw new CodedError('KubernetesNotReady', `${nameOf(identity)} is not served after ${ESTABLISHED_MS / 1_000} s`);
    }
    // oxlint-disable-next-line no-await-in-loop
    await sleep(500, undefined, { signal });
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { nameOf, type Identity } from '../manifests/identity.js';
import { readinessOf, type Readiness } from '../readiness/readiness.js';
import { troubleOf } from '../readiness/pod-trouble.js';
import type { KubernetesCall } from '../workflows/activities.js';
import type { Attempt } from './attempt.js';

type Waiting = Attempt<KubernetesCall & { readonly objects: readonly Identity[] }>;

/** Milliseconds between two looks at what is not ready yet. */
const LOOK_EVERY_MS = 1_000;
const MOST_NAMED = 20;

/**
 * Waits until every object is ready.
 * @throws KubernetesNotReady at the end of the time, or at once for what cannot become ready, with the pods and why
 */
export async function awaitReady(attempt: Waiting): Promise<void> {
  const { api, call, progress, signal, tell } = attempt;
  const deadline = deadlineOf(call);
  const { objects } = call;
  let open = objects;
  for (;;) {
    const late: { identity: Identity; state: Readiness['state']; why: string }[] = [];
    for (const identity of open) {
      // One after the other: a set of a thousand objects must not be a thousand requests at once.
      // oxlint-disable-next-line no-await-in-loop
      const found = await api.get(identity);
      const readiness: Readiness = found ? readinessOf(found) : { state: 'failed', why: 'it was deleted meanwhile' };
      if (readiness.state === 'ready') continue;
      // oxlint-disable-next-line no-await-in-loop
      const trouble = found ? await troubleOf(api, found) : undefined;
      const why = [readiness.why, trouble?.why].filter(Boolean).join('; ');
      late.push({ identity, state: trouble?.isFinal ? 'failed' : readiness.state, why });
    }
    open = late.map(({ identity }) => identity);
    const [first] = late;
    if (first === undefined) return;
    const lost = late.find(({ state }) => state === 'failed');
    if (lost || Date.now() >= deadline) {
      const named = lost ?? first;
      const what = lost ? 'will not become ready' : `is not ready after ${seconds(call.input.timeout)} s`;
      const more = late.length > 1 ? ` (and ${late.length - 1} more)` : '';
      // oxlint-disable-next-line no-await-in-loop
      await tell('not_ready', named.identity, `${nameOf(named.identity)}: ${named.why}`);
      throw new CodedError('KubernetesNotReady', `${nameOf(named.identity)} ${what}: ${named.why}${more}`, {
        details: { notReady: late.slice(0, MOST_NAMED).map(({ identity, why }) => ({ ...identity, why })) },
      });
    }
    progress(
      Math.floor((100 * (objects.length - late.length)) / objects.length),
      `${objects.length - late.length} of ${objects.length} ready; ${nameOf(first.identity)}: ${first.why}`,
    );
    // oxlint-disable-next-line no-await-in-loop
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Waits until none of the objects is there any more. */
export async function awaitGone({ api, call, progress, signal }: Waiting): Promise<void> {
  const deadline = deadlineOf(call);
  const { objects } = call;
  let open = objects;
  for (;;) {
    const still: Identity[] = [];
    for (const identity of open) {
      // oxlint-disable-next-line no-await-in-loop
      if ((await api.knows(identity.apiVersion, identity.kind)) && (await api.get(identity))) still.push(identity);
    }
    open = still;
    const [first] = still;
    if (first === undefined) return;
    if (Date.now() >= deadline) {
      // oxlint-disable-next-line no-await-in-loop
      const finalizers = (await api.get(first))?.metadata['finalizers'];
      const why = Array.isArray(finalizers) ? `; it waits for the finalizers ${finalizers.join(', ')}` : '';
      throw new CodedError(
        'KubernetesNotReady',
        `${nameOf(first)} is still there after ${seconds(call.input.timeout)} s${why}`,
        { details: { notGone: still.slice(0, MOST_NAMED) } },
      );
    }
    progress(Math.floor((100 * (objects.length - still.length)) / objects.length), `${still.length} still there`);
    // oxlint-disable-next-line no-await-in-loop
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** The time of the input counts from the beginning of the wait, also over workers that were lost. */
const deadlineOf = ({
  waitingSince,
  input,
}: {
  readonly waitingSince: number;
  readonly input: { readonly timeout: number };
}): number => waitingSince + input.timeout;

const seconds = (ms: number): number => Math.round(ms / 1_000);

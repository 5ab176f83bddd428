import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedKubernetes } from './kubernetes-server.js';

interface Listed {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly generation: number;
      readonly deletionTimestamp?: string;
      readonly finalizers?: readonly string[];
    };
    readonly spec: { readonly replicas?: number };
    readonly status?: { readonly observedGeneration?: number };
  }[];
}

/**
 * Plays what works on Deployments in a whole cluster: each comes up a moment after it was changed, and one that is
 * deleted is let go. There are no pods behind it.
 */
export function playControllers({ ask }: Pick<StartedKubernetes, 'ask'>): { readonly stop: () => Promise<void> } {
  const ended = new AbortController();
  const look = async (): Promise<void> => {
    const { items } = (await ask('GET', '/apis/apps/v1/deployments')).body as Listed;
    for (const { metadata, spec, status } of items) {
      const path = `/apis/apps/v1/namespaces/${metadata.namespace}/deployments/${metadata.name}`;
      if (metadata.deletionTimestamp !== undefined) {
        // oxlint-disable-next-line no-await-in-loop
        await ask('PATCH', path, { metadata: { finalizers: null } }, 'application/merge-patch+json');
      } else if (status?.observedGeneration !== metadata.generation) {
        // oxlint-disable-next-line no-await-in-loop
        await ask(
          'PATCH',
          `${path}/status`,
          { status: comeUp(metadata.generation, spec.replicas ?? 1) },
          'application/merge-patch+json',
        );
      }
    }
  };
  const playing = (async () => {
    while (!ended.signal.aborted) {
      // One look after the other. A server that is going away answers nothing.
      // oxlint-disable-next-line no-await-in-loop
      await look().catch(() => undefined);
      // oxlint-disable-next-line no-await-in-loop
      await sleep(200, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await playing;
    },
  };
}

/** The status of a Deployment whose pods are all there. */
export const comeUp = (observedGeneration: number, replicas: number) => ({
  observedGeneration,
  replicas,
  updatedReplicas: replicas,
  readyReplicas: replicas,
  availableReplicas: replicas,
});

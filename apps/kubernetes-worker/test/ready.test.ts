import { comeUp, waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMap, deployment } from './objects.js';
import { changesOf, failureOf, openWorld, resultOf, statusOf, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const MERGE = 'application/merge-patch+json';

/** What the controllers of a cluster would write down. */
const controllers = (namespace: string) => ({
  deployment: async (name: string, status: object, metadata: object = {}) => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
    await world.cluster.ask('PATCH', path, { metadata }, MERGE);
    await world.cluster.ask('PATCH', `${path}/status`, { status }, MERGE);
  },
  replicaSet: async (name: string, { app, revision }: { app: string; revision: string }) => {
    const labels = { app, 'pod-template-hash': name };
    await world.cluster.ask('POST', `/apis/apps/v1/namespaces/${namespace}/replicasets`, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name, labels, annotations: { 'deployment.kubernetes.io/revision': revision } },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'x' }] } },
      },
    });
  },
  pod: async (name: string, labels: object, status: object) => {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await world.cluster.ask('POST', path, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels },
      spec: { containers: [{ name: 'web', image: 'x' }] },
    });
    await world.cluster.ask('PATCH', `${path}/${name}/status`, { status }, MERGE);
  },
});

const waiting = (reason: string, restartCount: number): object => ({
  phase: 'Running',
  containerStatuses: [
    {
      name: 'web',
      image: 'x',
      imageID: '',
      ready: false,
      restartCount,
      state: { waiting: { reason, message: 'back-off' } },
      lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
    },
  ],
});

describe('waiting until ready', () => {
  it('shows what is missing, survives a killed worker, and ends when the controller says so', async () => {
    const namespace = await world.namespace();
    const handle = await world.start({ manifests: { objects: [configMap('a'), deployment('web')] }, namespace });
    await waitFor(
      async () =>
        (await statusOf(handle)).steps.find(({ id }) => id === 'ready')?.detail?.includes('controller has not seen') ||
        undefined,
      { what: 'the wait to begin' },
    );
    await controllers(namespace).deployment('web', { ...comeUp(1, 2), availableReplicas: 1, readyReplicas: 1 });
    await waitFor(
      async () =>
        (await statusOf(handle)).steps.find(({ id }) => id === 'ready')?.detail?.includes('1 of 2 available') ||
        undefined,
      { what: 'the first pod' },
    );
    await world.killWorker();
    world.startWorker();
    await controllers(namespace).deployment('web', comeUp(1, 2));
    expect(changesOf(await resultOf(handle))).toEqual(['ConfigMap a created', 'Deployment web created']);
  });

  it('ends early with pod, container and reason when the new pods crash again and again', async () => {
    const namespace = await world.namespace();
    const { deployment: set, replicaSet, pod } = controllers(namespace);
    const handle = await world.start({ manifests: { objects: [deployment('web')] }, namespace });
    await waitFor(async () => (await statusOf(handle)).phase === 'ready' || undefined, { what: 'the wait to begin' });
    await replicaSet('aaaa', { app: 'web', revision: '1' });
    // A broken pod of the revision before is what the change may mend: it counts for nothing.
    await pod('web-aaaa-1', { app: 'web', 'pod-template-hash': 'aaaa' }, waiting('CrashLoopBackOff', 50));
    await replicaSet('bbbb', { app: 'web', revision: '2' });
    await set(
      'web',
      { observedGeneration: 1, replicas: 2 },
      { annotations: { 'deployment.kubernetes.io/revision': '2' } },
    );
    await pod('web-bbbb-1', { app: 'web', 'pod-template-hash': 'bbbb' }, waiting('ImagePullBackOff', 0));
    await waitFor(
      async () =>
        (await statusOf(handle)).steps.find(({ id }) => id === 'ready')?.detail?.includes('ImagePullBackOff') ||
        undefined,
      { what: 'the pod that cannot pull its image' },
    );
    await pod('web-bbbb-0', { app: 'web', 'pod-template-hash': 'bbbb' }, waiting('CrashLoopBackOff', 6));
    const failure = await failureOf(handle);
    expect(failure).toMatchObject({ type: 'KubernetesNotReady' });
    expect(failure.message).toContain(
      'pod web-bbbb-0, container web: CrashLoopBackOff, ended with 137 (OOMKilled), 6 restarts',
    );
    expect(failure.details?.[0]).toMatchObject({ objects: [{ kind: 'Deployment', name: 'web', change: 'created' }] });
  });

  it('ends early when the controller has given up', async () => {
    const namespace = await world.namespace();
    const handle = await world.start({ manifests: { objects: [deployment('web')] }, namespace });
    await waitFor(async () => (await statusOf(handle)).phase === 'ready' || undefined, { what: 'the wait to begin' });
    const condition = {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'ReplicaSet "web" has timed out progressing.',
    };
    await controllers(namespace).deployment('web', { observedGeneration: 1, conditions: [condition] });
    expect((await failureOf(handle)).message).toContain('has timed out progressing');
  });

  it('ends at its time, and says how far it came', async () => {
    const namespace = await world.namespace();
    const handle = await world.start({
      manifests: { objects: [deployment('web'), deployment('api')] },
      namespace,
      timeout: '2s',
    });
    const failure = await failureOf(handle);
    expect(failure).toMatchObject({ type: 'KubernetesNotReady' });
    expect(failure.message).toMatch(/is not ready after 2 s.*and 1 more/);
  });

  it('until gone names the finalizer that holds an object', async () => {
    const namespace = await world.namespace();
    const held = configMap('held', { a: '1' }, { finalizers: ['test.example/hold'] });
    await resultOf(await world.start({ manifests: { objects: [held] }, namespace, wait: false }));
    const handle = await world.start({ manifests: { objects: [held] }, namespace, action: 'delete', timeout: '2s' });
    expect((await failureOf(handle)).message).toContain('it waits for the finalizers test.example/hold');
    await world.cluster.ask(
      'PATCH',
      `/api/v1/namespaces/${namespace}/configmaps/held`,
      { metadata: { finalizers: null } },
      MERGE,
    );
  });
});

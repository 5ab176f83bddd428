import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMap, deployment, namespaceObject } from './objects.js';
import { changesOf, failureOf, openWorld, resultOf, statusOf, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const quick = { wait: false } as const;
const objects = (...list: object[]) => ({ manifests: { objects: list } });
const read = (path: string) => world.cluster.ask('GET', path);

describe('apply', () => {
  it('makes what is missing, changes what differs, and leaves the rest alone', async () => {
    const namespace = await world.namespace();
    const given = { ...objects(configMap('one'), configMap('two')), namespace, ...quick };
    const first = await world.start(given);
    expect(changesOf(await resultOf(first))).toEqual(['ConfigMap one created', 'ConfigMap two created']);
    expect(changesOf(await resultOf(await world.start(given)))).toEqual([
      'ConfigMap one unchanged',
      'ConfigMap two unchanged',
    ]);
    const changed = { ...given, ...objects(configMap('one'), configMap('two', { a: '2' })) };
    expect(changesOf(await resultOf(await world.start(changed)))).toEqual([
      'ConfigMap one unchanged',
      'ConfigMap two configured',
    ]);
    expect((await read(`/api/v1/namespaces/${namespace}/configmaps/two`)).body).toMatchObject({ data: { a: '2' } });
    expect(await world.events(first)).toEqual(
      expect.arrayContaining([
        `object_created v1 ConfigMap ${namespace}/one`,
        `object_created v1 ConfigMap ${namespace}/two`,
      ]),
    );
  });

  it('reads a directory in the order of its names, applies what others need first, and fills in namespaces', async () => {
    const namespace = `dir-${Date.now()}`;
    await world.write(
      'app/b.yaml',
      `# comment\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: last }\n---\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: also }\n`,
    );
    await world.write('app/a.json', {
      apiVersion: 'v1',
      kind: 'List',
      items: [configMap('first'), namespaceObject(namespace)],
    });
    await world.write('app/readme.txt', 'not a manifest');
    const result = await resultOf(await world.start({ manifests: { path: 'app' }, namespace, ...quick }));
    expect(changesOf(result)).toEqual([
      `Namespace ${namespace} created`,
      'ConfigMap first created',
      'ConfigMap last created',
      'ConfigMap also created',
    ]);
    expect(result.objects.map((one) => one.namespace)).toEqual([null, namespace, namespace, namespace]);
  });

  it('brings a kind of its own and objects of that kind in one set', async () => {
    const namespace = await world.namespace();
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'gates.test.example' },
      spec: {
        group: 'test.example',
        scope: 'Namespaced',
        names: { kind: 'Gate', plural: 'gates', singular: 'gate', listKind: 'GateList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { open: { type: 'boolean' } } } },
              },
            },
          },
        ],
      },
    };
    const gate = { apiVersion: 'test.example/v1', kind: 'Gate', metadata: { name: 'north' }, spec: { open: true } };
    const result = await resultOf(await world.start({ ...objects(gate, definition), namespace }));
    expect(changesOf(result)).toEqual(['CustomResourceDefinition gates.test.example created', 'Gate north created']);
    expect((await read(`/apis/test.example/v1/namespaces/${namespace}/gates/north`)).body).toMatchObject({
      spec: { open: true },
    });
  });

  it('changes nothing on a dry run, and says what it would change', async () => {
    const namespace = await world.namespace();
    const result = await resultOf(
      await world.start({ ...objects(configMap('dry'), deployment('dry')), namespace, dryRun: true }),
    );
    expect(changesOf(result)).toEqual(['ConfigMap dry created', 'Deployment dry created']);
    expect((await read(`/api/v1/namespaces/${namespace}/configmaps/dry`)).status).toBe(404);
  });

  it('shows the API server fields that the client has never heard of', async () => {
    const namespace = await world.namespace();
    const odd = { ...configMap('odd'), dataa: { a: '1' } };
    const failure = await failureOf(await world.start({ ...objects(odd), namespace }));
    expect(failure).toMatchObject({ type: 'KubernetesRefused' });
    expect(failure.message).toMatch(/nothing was applied.*unknown field "dataa"|\.dataa/s);
  });
});

describe('a refusal', () => {
  it('of one object comes before any other is applied, and names all that are refused', async () => {
    const namespace = await world.namespace();
    const bad = deployment('bad', { replicas: -1 });
    const worse = { ...configMap('worse'), metadata: { name: 'Not A Name' } };
    const failure = await failureOf(await world.start({ ...objects(configMap('good'), bad, worse), namespace }));
    expect(failure).toMatchObject({ type: 'KubernetesRefused', nonRetryable: true });
    expect(failure.message).toContain('nothing was applied');
    expect(failure.message).toContain('Not A Name');
    expect(failure.message).toContain('spec.replicas');
    expect((await read(`/api/v1/namespaces/${namespace}/configmaps/good`)).status).toBe(404);
  });

  it('of a field that somebody else has set names the field and who it was; force takes it over', async () => {
    const namespace = await world.namespace();
    const path = `/api/v1/namespaces/${namespace}/configmaps/shared?fieldManager=gardener&force=true`;
    await world.cluster.ask('PATCH', path, { ...configMap('shared', { a: 'theirs' }) }, 'application/apply-patch+yaml');
    const given = { ...objects(configMap('shared', { a: 'ours' })), namespace, ...quick };
    const failure = await failureOf(await world.start(given));
    expect(failure).toMatchObject({ type: 'KubernetesConflict' });
    expect(failure.message).toMatch(/\.data\.a \(conflict with "gardener".*force: true/);
    expect(changesOf(await resultOf(await world.start({ ...given, force: true })))).toEqual([
      'ConfigMap shared configured',
    ]);
  });

  it('for want of a right names the verb and the resource', async () => {
    const namespace = await world.namespace();
    const failure = await failureOf(await world.start({ ...objects(configMap('x')), namespace, context: 'limited' }));
    expect(failure).toMatchObject({ type: 'KubernetesRefused' });
    expect(failure.message).toMatch(/"limited" cannot patch resource "configmaps"/);
  });

  it.each([
    [{ manifests: { path: 'nowhere' } }, 'NotFound', 'nowhere'],
    [{ manifests: { path: '../../etc/passwd' } }, 'PathRefused', 'SWITCHYARD_PROJECT_ROOTS'],
    [{ manifests: { path: 'broken.yaml' } }, 'InvalidInput', 'broken.yaml:4: not valid YAML'],
    [{ manifests: { path: 'nameless.yaml' } }, 'InvalidInput', 'nameless.yaml:3: metadata.name'],
    [{ manifests: { path: 'empty.yaml' } }, 'InvalidInput', 'there is no object in it'],
    [
      { manifests: { objects: [configMap('a'), configMap('a')] } },
      'InvalidInput',
      'ConfigMap default/a is in the manifests twice',
    ],
    [{ manifests: { objects: [{ ...configMap('a'), kind: 'Secret' }] } }, 'InvalidInput', 'External Secrets'],
    [
      { manifests: { objects: [{ apiVersion: 'apps/v7', kind: 'Deployment', metadata: { name: 'a' } }] } },
      'KubernetesRefused',
      'no Deployment in apps/v7',
    ],
    [{ manifests: { objects: [configMap('a')] }, context: 'admn' }, 'NotFound', 'did you mean "admin"?'],
    [{ manifests: { objects: [configMap('a')] }, prune: true }, 'InvalidInput', 'set'],
    [{ manifests: {} }, 'InvalidInput', 'one of `path` and `objects`'],
    [{ manifests: { path: 'x' }, namspace: 'y' }, 'InvalidInput', 'namespace'],
  ])('of %j is %s', async (input, code, word) => {
    await world.write('broken.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "x\n');
    await world.write('nameless.yaml', '# one\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { labels: {} }\n');
    await world.write('empty.yaml', '# nothing\n---\n');
    const failure = await failureOf(await world.start({ ...input, ...quick }));
    expect(failure).toMatchObject({ type: code });
    expect(failure.message).toContain(word);
  });

  it('of a Secret never says what is in it, neither in the failure nor in the history', async () => {
    const namespace = await world.namespace();
    const secret = (data: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys' },
      type: 'Opaque',
      ...data,
    });
    await world.write('secret/bad.yaml', secret({ data: { token: 'sup3r s3cret!' }, immutabel: 'sup3r' }));
    const handle = await world.start({ manifests: { path: 'secret' }, namespace, ...quick });
    const failure = await failureOf(handle);
    expect(failure.message).toContain('v1 Secret');
    await world.write('secret/bad.yaml', secret({ stringData: { token: 'sup3r s3cret!' } }));
    const good = await world.start({ manifests: { path: 'secret' }, namespace, ...quick });
    expect(changesOf(await resultOf(good))).toEqual(['Secret keys created']);
    for (const run of [handle, good]) {
      const told = JSON.stringify([await run.fetchHistory(), await world.events(run)]);
      const plain = Buffer.from(told).toString('utf8');
      expect(plain).not.toContain('sup3r');
      expect(plain).not.toContain(Buffer.from('sup3r s3cret!').toString('base64'));
    }
  });
});

describe('a set', () => {
  it('is pruned of what it does not hold any more, and of nothing else', async () => {
    const namespace = await world.namespace();
    const given = { namespace, set: 'shop', prune: true, ...quick };
    await resultOf(
      await world.start({ ...given, ...objects(configMap('keep'), configMap('drop'), configMap('given-away')) }),
    );
    // Somebody else's, and one that was given to somebody else since.
    await world.cluster.ask('POST', `/api/v1/namespaces/${namespace}/configmaps`, configMap('foreign'));
    await world.cluster.ask(
      'PATCH',
      `/api/v1/namespaces/${namespace}/configmaps/given-away`,
      { metadata: { labels: { 'switchyard.dev/set': 'other' } } },
      'application/merge-patch+json',
    );
    const handle = await world.start({ ...given, ...objects(configMap('keep'), configMap('new')) });
    expect(changesOf(await resultOf(handle))).toEqual([
      'ConfigMap keep unchanged',
      'ConfigMap new created',
      'ConfigMap drop pruned',
    ]);
    const left = (await read(`/api/v1/namespaces/${namespace}/configmaps`)).body as {
      items: { metadata: { name: string } }[];
    };
    expect(left.items.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'foreign',
      'given-away',
      'keep',
      'new',
      'switchyard-set-shop',
    ]);
  });

  it('is deleted in reverse order, with its record; what is gone already is no error', async () => {
    const namespace = await world.namespace();
    const given = { namespace, set: 'shop', ...objects(configMap('a'), configMap('b')) };
    await resultOf(await world.start({ ...given, ...quick }));
    await world.cluster.ask('DELETE', `/api/v1/namespaces/${namespace}/configmaps/a`);
    const result = await resultOf(await world.start({ ...given, action: 'delete' }));
    expect(changesOf(result)).toEqual(['ConfigMap b deleted', 'ConfigMap a absent']);
    const left = (await read(`/api/v1/namespaces/${namespace}/configmaps`)).body as { items: object[] };
    expect(left.items).toEqual([]);
  });
});

describe('a crash', () => {
  it('of the worker in the middle of a set does nothing twice, and the result tells what the run did', async () => {
    const namespace = await world.namespace();
    const list = Array.from({ length: 150 }, (_, i) => configMap(`c-${String(i).padStart(3, '0')}`));
    const handle = await world.start({ ...objects(...list), namespace, ...quick });
    await waitFor(
      async () => (await read(`/api/v1/namespaces/${namespace}/configmaps/c-010`)).status === 200 || undefined,
      { what: 'the eleventh object', intervalMs: 10 },
    );
    await world.killWorker();
    expect((await read(`/api/v1/namespaces/${namespace}/configmaps/c-149`)).status).toBe(404);
    world.startWorker();
    const { objects: done } = await resultOf(handle);
    expect(done.map(({ change }) => change)).toEqual(list.map(() => 'created'));
  });

  it('of the connection is survived: what was applied with a lost answer is applied once', async () => {
    const namespace = await world.namespace();
    world.proxy.refuse();
    const handle = await world.start({ ...objects(configMap('a')), namespace, context: 'proxied', ...quick });
    await waitFor(async () => ((await handle.describe()).raw.pendingActivities?.[0]?.attempt ?? 0) > 1 || undefined, {
      what: 'a second attempt',
    });
    world.proxy.cut();
    expect(changesOf(await resultOf(handle))).toEqual(['ConfigMap a created']);
  });

  it('is no reason to wait longer: a cancel ends the wait at once', async () => {
    const namespace = await world.namespace();
    const handle = await world.start({ ...objects(deployment('slow')), namespace });
    await waitFor(
      async () =>
        (await statusOf(handle)).steps.find(({ id }) => id === 'ready')?.detail?.includes('controller') || undefined,
      { what: 'the wait to begin' },
    );
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect((await statusOf(handle)).state).toBe('done');
  });
});

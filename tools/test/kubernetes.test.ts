import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { databaseEntrySchema } from '@switchyard/shared-db';
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IService } from 'kubernetes-models/v1/Service';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { environment } from '../kubernetes/environment.ts';
import { buildBase, nameOf, readBase, readObjects, type Base, type KubernetesObject } from '../kubernetes/manifests.ts';
import { modelProblems } from '../kubernetes/models.ts';
import { images, POLICIES, workloadsOf, type Policy } from '../kubernetes/policies.ts';
import { rightsProblems } from '../kubernetes/rights.ts';
import { listFiles, readManifest, readPackages, ROOT } from '../workspace.ts';

const FOLDER = join(ROOT, 'k8s', 'base');
const { version } = readManifest(ROOT);
const base = readBase(FOLDER);
const RULES: Readonly<Record<string, Policy>> = { ...POLICIES, environment, images: images(version) };

describe('the Kubernetes base', () => {
  it.each(base.objects.map((object): [string, KubernetesObject] => [`${object.kind} ${object.metadata.name}`, object]))(
    '%s is what Kubernetes knows, with no unknown keys',
    async (_name, object) => {
      expect(await modelProblems(object)).toEqual([]);
    },
  );

  it.each(Object.entries(RULES))('keeps the rule %s', (_name, rule) => {
    expect(rule(base)).toEqual([]);
  });

  it('lists every file that lies in its folder', () => {
    const files = listFiles(ROOT, 'k8s/base', (path) => path.endsWith('.yaml')).map((path) =>
      path.slice('k8s/base/'.length),
    );
    expect(files.filter((file) => file !== 'kustomization.yaml')).toEqual([...base.kustomization.resources].toSorted());
  });

  it('runs every worker of the workspace', () => {
    const workers = readPackages(ROOT)
      .filter(({ kind, name }) => kind === 'app' && name !== '@switchyard/cli')
      .map(({ folder }) => basename(folder));
    const deployed = workloadsOf(base).filter(({ kind }) => kind === 'Deployment');
    expect(deployed.map(({ name }) => name).toSorted()).toEqual(workers);
    expect(base.kustomization.images.map(({ name }) => name).toSorted()).toEqual(
      ['cli', ...workers].map((name) => `switchyard/${name}`).toSorted(),
    );
  });

  it('holds a namespace of the level restricted, and denies what it does not allow', () => {
    const namespace = base.objects.find(({ kind }) => kind === 'Namespace');
    expect(namespace?.metadata.name).toBe(base.kustomization.namespace);
    expect(namespace?.metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
    const deny = base.objects.find(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'default-deny',
    );
    expect(deny).toMatchObject({ spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } });
  });

  it('names the Job of the store after this release, since a Job cannot be changed', () => {
    const job = base.objects.find(({ kind }) => kind === 'Job');
    expect(job?.metadata.name).toBe(`store-migration-${version.replaceAll('.', '-')}`);
  });

  it('names databases as the migration worker reads them', () => {
    const map = base.objects.find(({ metadata }) => metadata.name === 'switchyard-databases');
    const data = (map?.['data'] ?? {}) as Record<string, string>;
    const entries = Object.entries(JSON.parse(data['databases.json'] ?? '') as Record<string, unknown>);
    expect(entries).not.toEqual([]);
    for (const [, entry] of entries)
      expect(databaseEntrySchema.parse(entry)).toMatchObject({ password: { $secret: expect.any(String) } });
  });

  it('is built into objects of its namespace with images of this release', () => {
    const built = buildBase(base);
    const outside = built.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'switchyard');
    expect(outside).toEqual([]);
    const used = JSON.stringify(built).match(/"image":"[^"]+"/g) ?? [];
    expect(used.filter((image) => !image.endsWith(`:${version}"`))).toEqual([]);
    // The program itself builds the same, where it is there.
    expect(kustomized() ?? sorted(built)).toEqual(sorted(built));
  });
});

describe('the rights of the kubernetes-worker in a namespace', () => {
  const objects = readObjects(join(ROOT, 'k8s', 'target-namespace'));

  it.each(objects.map((object): [string, KubernetesObject] => [nameOf(object), object]))(
    '%s is what Kubernetes knows, with no unknown keys',
    async (_name, object) => {
      expect(await modelProblems(object)).toEqual([]);
    },
  );

  it('hold in that namespace alone, and read no Secret', () => {
    expect(rightsProblems(objects, base)).toEqual([]);
  });

  it('are refused when they give Secrets, everything, or somebody else', () => {
    const broad = structuredClone(objects) as unknown as Record<string, unknown>[];
    const [role, binding] = broad;
    Object.assign(role ?? {}, { rules: [{ apiGroups: ['*'], resources: ['secrets'], verbs: ['get'] }] });
    Object.assign(binding ?? {}, { subjects: [{ kind: 'User', name: 'eve' }] });
    const cluster = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'all', labels: {} },
    };
    expect(rightsProblems([...(broad as unknown as KubernetesObject[]), cluster], base)).toEqual([
      'Role switchyard-kubernetes-worker: gives secrets',
      'Role switchyard-kubernetes-worker: gives *',
      'RoleBinding switchyard-kubernetes-worker: the base has no User undefined/eve',
      'ClusterRole all: is neither a Role nor a RoleBinding',
    ]);
  });
});

const sorted = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  objects.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));

/** What kubectl makes of the base; undefined where there is no kubectl. */
function kustomized(): KubernetesObject[] | undefined {
  const { error, status, stdout, stderr } = spawnSync('kubectl', ['kustomize', FOLDER], { encoding: 'utf8' });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return undefined;
  if (status !== 0) throw new Error(`kubectl kustomize failed: ${stderr}`);
  const documents = parseAllDocuments(stdout);
  return sorted((Array.isArray(documents) ? documents : []).map((document) => document.toJS() as KubernetesObject));
}

/** The base with one change; the original stays. */
function changed(change: (deployment: IDeployment, container: IContainer, all: KubernetesObject[]) => void): Base {
  const objects = structuredClone(base.objects) as KubernetesObject[];
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as IDeployment;
  const container = deployment.spec?.template.spec?.containers[0];
  if (container === undefined) throw new Error('the first Deployment has no container');
  change(deployment, container, objects);
  return { ...base, objects };
}

describe('a manifest', () => {
  it('is refused for a wrong type and for a key that its kind does not have', async () => {
    const { objects } = changed((deployment, container) => {
      Object.assign(deployment.spec ?? {}, { replicas: 'two' });
      Object.assign(container, { volumeMount: [] });
      Object.assign(container.env?.[0] ?? {}, { valueForm: {} });
    });
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    expect(deployment && (await modelProblems(deployment))).toEqual([
      expect.stringContaining('containers[0].env[0].valueForm is unknown'),
      expect.stringContaining('containers[0].volumeMount is unknown'),
      expect.stringContaining('/spec/replicas must be integer'),
    ]);
  });

  it('is refused for a kind that does not exist', async () => {
    const object = { apiVersion: 'apps/v1', kind: 'Deploymnt', metadata: { name: 'x', labels: {} } };
    expect(await modelProblems(object)).toEqual(['Deploymnt x: there is no apps/v1 Deploymnt']);
  });

  const cases: readonly (readonly [string, string, string, Parameters<typeof changed>[0]])[] = [
    [
      'a root file system that can be written',
      'restrictedPods',
      'can be written',
      (_d, c) => void delete c.securityContext?.readOnlyRootFilesystem,
    ],
    [
      'a mounted service account token',
      'restrictedPods',
      'token is mounted',
      (d) => Object.assign(d.spec?.template.spec ?? {}, { automountServiceAccountToken: true }),
    ],
    [
      'a token of the cluster in a worker that needs none',
      'restrictedPods',
      'holds a service account token',
      (d) =>
        void d.spec?.template.spec?.volumes?.push({
          name: 'token',
          projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
        }),
    ],
    [
      'variables made out of Services',
      'noServiceLinks',
      'enableServiceLinks',
      (d) => void delete d.spec?.template.spec?.enableServiceLinks,
    ],
    [
      'memory that is not reserved',
      'resources',
      'request and limit differ',
      (_d, c) => Object.assign(c.resources?.limits ?? {}, { memory: '8Gi' }),
    ],
    [
      'a liveness probe that asks for readiness',
      'probes',
      'livenessProbe does not ask /live',
      (_d, c) => Object.assign(c.livenessProbe?.httpGet ?? {}, { path: '/ready' }),
    ],
    [
      'a mount without a volume',
      'mounts',
      'mounts gone',
      (_d, c) => void c.volumeMounts?.push({ name: 'gone', mountPath: '/x' }),
    ],
    [
      'a service account that is not there',
      'references',
      'no service account nobody',
      (d) => Object.assign(d.spec?.template.spec ?? {}, { serviceAccountName: 'nobody' }),
    ],
    [
      'a budget that finds no pods',
      'selectors',
      'finds no pods',
      (_d, _c, all) =>
        Object.assign(all.find(({ kind }) => kind === 'PodDisruptionBudget') ?? {}, {
          spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: { a: 'b' } } },
        }),
    ],
    [
      'a Secret in the tree',
      'secretReferences',
      'the tree holds a Secret',
      (_d, _c, all) => void all.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x', labels: {} } }),
    ],
    [
      'a secret that nobody documents',
      'secretReferences',
      'undocumented secret other/x',
      (_d, c) => void c.env?.push({ name: 'VAULT_TOKEN', valueFrom: { secretKeyRef: { name: 'other', key: 'x' } } }),
    ],
    [
      'an image outside of the list',
      'images',
      'is not among the images',
      (_d, c) => Object.assign(c, { image: 'somebody/else:latest' }),
    ],
    [
      'a variable that nobody reads',
      'environment',
      'SWITCHYARD_LOGLEVEL is not known',
      (_d, c) => void c.env?.push({ name: 'SWITCHYARD_LOGLEVEL', value: 'info' }),
    ],
    [
      'a password in clear',
      'environment',
      'DB_PASSWORD_SERVER stands in clear',
      (_d, c) => Object.assign(c.env?.[0] ?? {}, { value: 'x', valueFrom: undefined }),
    ],
    [
      'a password in the ConfigMap',
      'environment',
      'DB_PASSWORD_ADMIN stands in a ConfigMap',
      (_d, _c, all) =>
        Object.assign(all.find(({ metadata }) => metadata.name === 'switchyard-config')?.['data'] ?? {}, {
          DB_PASSWORD_ADMIN: 'x',
        }),
    ],
    [
      'a value that the worker would refuse',
      'environment',
      'is not a duration',
      (_d, c) =>
        Object.assign(c.env?.find(({ name }) => name === 'SWITCHYARD_SHUTDOWN_GRACE') ?? {}, { value: 'soon' }),
    ],
    [
      'a gateway that nobody reaches',
      'environment',
      'is the loopback, which no service reaches',
      (_d, _c, all) => {
        const gateway = all.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'gateway');
        const { spec } = gateway as unknown as IDeployment;
        const env = spec?.template.spec?.containers[0]?.env ?? [];
        Object.assign(env.find(({ name }) => name === 'SWITCHYARD_GATEWAY_HOST') ?? {}, { value: '127.0.0.1' });
      },
    ],
    [
      'a service without pods',
      'services',
      'finds the pods of nobody',
      (_d, _c, all) =>
        Object.assign(all.find(({ kind }) => kind === 'Service')?.['spec'] ?? {}, { selector: { a: 'b' } }),
    ],
    [
      'a service that leads to a port which is not there',
      'services',
      'port http leads to web',
      (_d, _c, all) => {
        const { spec } = all.find(({ kind }) => kind === 'Service') as unknown as IService;
        Object.assign(spec?.ports?.[0] ?? {}, { targetPort: 'web' });
      },
    ],
    [
      'a pod that is killed before the worker gave up',
      'environment',
      'terminationGracePeriodSeconds 45',
      (d) => Object.assign(d.spec?.template.spec ?? {}, { terminationGracePeriodSeconds: 45 }),
    ],
  ];

  it.each(cases)('is refused for %s', (_title, rule, message, change) => {
    expect(RULES[rule]?.(changed(change)).join('\n')).toContain(message);
  });
});

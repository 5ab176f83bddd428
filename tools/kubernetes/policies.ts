import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IJob } from 'kubernetes-models/batch/v1/Job';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import type { IService } from 'kubernetes-models/v1/Service';
import { nameOf, type Base, type KubernetesObject } from './manifests.ts';

/** Something that runs pods. */
export interface Workload {
  readonly name: string;
  readonly kind: 'Deployment' | 'Job';
  readonly labels: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  readonly pod: IPodSpec;
}

/** One rule: what it finds is told as sentences that name the object. */
export type Policy = (base: Base) => string[];

const ofKind = (base: Base, kind: string): KubernetesObject[] => base.objects.filter((object) => object.kind === kind);

/** Every Deployment and Job. The objects have passed their models, so their types hold. */
export function workloadsOf(base: Base): Workload[] {
  const deployments = ofKind(base, 'Deployment').map((object): Workload => {
    const { spec } = object as unknown as IDeployment;
    const labels = spec?.template.metadata?.labels ?? {};
    return {
      name: object.metadata.name,
      kind: 'Deployment',
      labels,
      selector: spec?.selector.matchLabels ?? {},
      pod: spec?.template.spec ?? { containers: [] },
    };
  });
  const jobs = ofKind(base, 'Job').map((object): Workload => {
    const { spec } = object as unknown as IJob;
    return {
      name: object.metadata.name,
      kind: 'Job',
      labels: spec?.template.metadata?.labels ?? {},
      pod: spec?.template.spec ?? { containers: [] },
    };
  });
  return [...deployments, ...jobs];
}

/** The workloads with their containers, for rules that look at each container. */
function eachContainer(base: Base, look: (container: IContainer, workload: Workload) => string[]): string[] {
  return workloadsOf(base).flatMap((workload) =>
    [...(workload.pod.initContainers ?? []), ...workload.pod.containers].flatMap((container) =>
      look(container, workload).map((problem) => `${workload.name}/${container.name}: ${problem}`),
    ),
  );
}

const unless = (isRight: boolean | undefined, problem: string): string[] => (isRight === true ? [] : [problem]);

/** The only workload that speaks to an API server. */
const CLUSTER_WORKER = 'kubernetes-worker';

/** What the pod security level "restricted" asks for, and a read-only root besides. */
export const restrictedPods: Policy = (base) => [
  ...workloadsOf(base).flatMap(({ name, pod }) => [
    ...unless(pod.securityContext?.runAsNonRoot, `${name}: runAsNonRoot is not set`),
    ...unless((pod.securityContext?.runAsUser ?? 0) > 0, `${name}: runAsUser is not set`),
    ...unless(pod.securityContext?.seccompProfile?.type === 'RuntimeDefault', `${name}: seccomp is not RuntimeDefault`),
    ...unless(pod.automountServiceAccountToken === false, `${name}: the service account token is mounted`),
    ...unless(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, `${name}: uses namespaces of the host`),
    ...(pod.volumes ?? []).filter(({ hostPath }) => hostPath).map((volume) => `${name}: ${volume.name} is a hostPath`),
    ...(pod.volumes ?? [])
      .filter(({ projected }) => projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken))
      .filter(() => name !== CLUSTER_WORKER)
      .map((volume) => `${name}: ${volume.name} holds a service account token`),
  ]),
  ...eachContainer(base, ({ securityContext: context }) => [
    ...unless(context?.allowPrivilegeEscalation === false, 'privilege escalation is allowed'),
    ...unless(context?.readOnlyRootFilesystem, 'the root file system can be written'),
    ...unless(context?.capabilities?.drop?.includes('ALL'), 'capabilities are not dropped'),
    ...unless((context?.capabilities?.add ?? []).length === 0, 'capabilities are added'),
  ]),
];

/** Kubernetes would make SWITCHYARD_..._SERVICE_HOST out of a Service of that name, which a worker refuses to start with. */
export const noServiceLinks: Policy = (base) =>
  workloadsOf(base).flatMap(({ name, pod }) =>
    unless(pod.enableServiceLinks === false, `${name}: enableServiceLinks is on`),
  );

/** Memory is reserved in full; processor time is asked for and not limited. */
export const resources: Policy = (base) =>
  eachContainer(base, ({ resources: given }) => [
    ...unless(given?.requests?.['memory'] !== undefined, 'requests no memory'),
    ...unless(given?.requests?.['memory'] === given?.limits?.['memory'], 'memory request and limit differ'),
    ...unless(given?.requests?.['cpu'] !== undefined, 'requests no cpu'),
    ...unless(given?.limits?.['cpu'] === undefined, 'limits cpu'),
  ]);

/** Liveness asks the event loop alone; readiness asks whether the queue is polled. */
export const probes: Policy = (base) =>
  eachContainer(base, (container, { kind }) => {
    if (kind === 'Job') return [];
    const wanted = { startupProbe: '/live', livenessProbe: '/live', readinessProbe: '/ready' } as const;
    return Object.entries(wanted).flatMap(([name, path]) => {
      const get = container[name as keyof typeof wanted]?.httpGet;
      const port = container.ports?.find((entry) => entry.name === get?.port);
      return [
        ...unless(get?.path === path, `${name} does not ask ${path}`),
        ...unless(port !== undefined, `${name} asks a port that the container does not name`),
      ];
    });
  });

/** Every mount has a volume, and every volume a mount. */
export const mounts: Policy = (base) =>
  workloadsOf(base).flatMap(({ name, pod }) => {
    const volumes = new Set((pod.volumes ?? []).map((volume) => volume.name));
    const used = new Set(pod.containers.flatMap(({ volumeMounts }) => (volumeMounts ?? []).map((mount) => mount.name)));
    return [
      ...[...used]
        .filter((volume) => !volumes.has(volume))
        .map((volume) => `${name}: mounts ${volume}, which is no volume`),
      ...[...volumes].filter((volume) => !used.has(volume)).map((volume) => `${name}: ${volume} is mounted nowhere`),
    ];
  });

/** What a workload names is there: its service account, its configuration, its claims. */
export const references: Policy = (base) => {
  const has = (kind: string, name: string): boolean =>
    ofKind(base, kind).some(({ metadata }) => metadata.name === name);
  return workloadsOf(base).flatMap(({ name, pod }) => {
    const maps = [
      ...pod.containers.flatMap(({ envFrom }) => (envFrom ?? []).map(({ configMapRef }) => configMapRef?.name)),
      ...(pod.volumes ?? []).map(({ configMap }) => configMap?.name),
    ].filter((map) => map !== undefined);
    const claims = (pod.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) => (claim ? [claim.claimName] : []));
    return [
      ...unless(
        has('ServiceAccount', pod.serviceAccountName ?? ''),
        `${name}: no service account ${pod.serviceAccountName}`,
      ),
      ...maps.filter((map) => !has('ConfigMap', map)).map((map) => `${name}: no ConfigMap ${map}`),
      ...claims.filter((claim) => !has('PersistentVolumeClaim', claim)).map((claim) => `${name}: no claim ${claim}`),
    ];
  });
};

const covers = (
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean =>
  selector !== undefined &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** A Deployment finds its own pods and no others, and exactly one disruption budget finds them. */
export const selectors: Policy = (base) => {
  const workloads = workloadsOf(base);
  const budgets = ofKind(base, 'PodDisruptionBudget').map((object) => ({
    name: nameOf(object),
    selector: (object as unknown as IPodDisruptionBudget).spec?.selector?.matchLabels,
    spec: (object as unknown as IPodDisruptionBudget).spec,
  }));
  return [
    ...workloads.flatMap(({ name, kind, selector, labels }) => {
      if (kind === 'Job') return [];
      const found = workloads.filter((other) => covers(selector, other.labels)).map((other) => other.name);
      const own = budgets.filter((budget) => covers(budget.selector, labels));
      return [
        ...unless(
          found.length === 1 && found[0] === name,
          `${name}: its selector finds the pods of ${found.join(', ') || 'nobody'}`,
        ),
        ...unless(own.length === 1, `${name}: ${own.length} disruption budgets in place of one`),
      ];
    }),
    ...budgets.flatMap(({ name, selector, spec }) => [
      ...unless(
        workloads.some(({ labels }) => covers(selector, labels)),
        `${name}: finds no pods`,
      ),
      ...unless(spec?.maxUnavailable === 1, `${name}: maxUnavailable is not 1; minAvailable would block drains`),
      ...unless(spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow', `${name}: a broken pod would block drains`),
    ]),
  ];
};

/** A Service finds the pods of one workload, at ports that they name. */
export const services: Policy = (base) =>
  ofKind(base, 'Service').flatMap((object) => {
    const { spec } = object as unknown as IService;
    const found = workloadsOf(base).filter(({ labels }) => covers(spec?.selector, labels));
    const names = found.flatMap(({ pod }) =>
      pod.containers.flatMap(({ ports }) => (ports ?? []).map(({ name }) => name)),
    );
    return [
      ...unless(
        found.length === 1,
        `${nameOf(object)}: finds the pods of ${found.map(({ name }) => name).join(', ') || 'nobody'}`,
      ),
      ...(spec?.ports ?? [])
        .filter(({ targetPort }) => !names.includes(typeof targetPort === 'string' ? targetPort : undefined))
        .map(
          ({ name, targetPort }) =>
            `${nameOf(object)}: port ${name} leads to ${targetPort}, which the pods do not name`,
        ),
    ];
  });

/** The Secrets that the base may name, with their keys; a missing one keeps the pod from starting, so it is documented. */
const SECRETS: Readonly<Record<string, readonly string[]>> = {
  'database-secrets': ['DB_PASSWORD_SERVER', 'DB_PASSWORD_ADMIN'],
  'switchyard-secrets': ['ARTIFACT_KEY', 'GATEWAY_TOKEN'],
};

/** Secrets are named, never made. */
export const secretReferences: Policy = (base) => [
  ...ofKind(base, 'Secret').map((object) => `${nameOf(object)}: the tree holds a Secret`),
  ...eachContainer(base, ({ env, envFrom }) => [
    ...(env ?? []).flatMap(({ name, valueFrom }) => {
      const ref = valueFrom?.secretKeyRef;
      if (ref === undefined || SECRETS[ref.name ?? '']?.includes(ref.key)) return [];
      return [`${name} comes from the undocumented secret ${ref.name}/${ref.key}`];
    }),
    ...(envFrom ?? []).filter(({ secretRef }) => secretRef).map(() => 'takes a whole Secret into its environment'),
  ]),
];

/** One tag for all, that of this release, set in one place. */
export function images(version: string): Policy {
  return (base) => {
    const set = new Map(base.kustomization.images.map((image) => [image.name, image.digest ?? image.newTag]));
    return [
      ...eachContainer(base, ({ image }) =>
        unless(set.has(image ?? ''), `${image} is not among the images of the kustomization`),
      ),
      ...[...set]
        .filter(([, tag]) => tag !== version)
        .map(([image, tag]) => `${image} has the tag ${tag}, not ${version}`),
    ];
  };
}

/** The environment of a container; what comes from a Secret is a placeholder. */
export function environmentOf(
  base: Base,
  container: IContainer,
  placeholder: (name: string) => string,
): Record<string, string> {
  const fromMaps = (container.envFrom ?? []).flatMap(({ configMapRef, prefix }) => {
    const map = ofKind(base, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name);
    const { data } = (map ?? {}) as unknown as IConfigMap;
    return Object.entries(data ?? {}).map(([name, value]) => [`${prefix ?? ''}${name}`, value] as const);
  });
  const own = (container.env ?? []).map(({ name, value }) => [name, value ?? placeholder(name)] as const);
  return Object.fromEntries([...fromMaps, ...own]);
}

/** The rules that need nothing but the manifests. */
export const POLICIES = {
  restrictedPods,
  noServiceLinks,
  resources,
  probes,
  mounts,
  references,
  selectors,
  services,
  secretReferences,
} satisfies Readonly<Record<string, Policy>>;

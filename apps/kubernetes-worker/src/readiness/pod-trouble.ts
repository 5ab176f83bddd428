import type { ApiClient, LiveObject } from '../cluster/api-client.js';

/** Why the pods of a workload do not come up. */
export interface Trouble {
  readonly why: string;
  /** Nothing but a change of the workload helps. */
  readonly isFinal: boolean;
}

interface ContainerStatus {
  readonly name?: string;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
  readonly lastState?: { readonly terminated?: { readonly exitCode?: number; readonly reason?: string } };
}

interface PodStatus {
  readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly message?: string }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** What the kubelet waits for when something is wrong; the others are on their way. */
const WRONG: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);
const FINAL: ReadonlySet<string> = new Set(['InvalidImageName', 'ErrImageNeverPull']);
/** A container that ended so often will end the next time: the pauses between are minutes by then. */
const RESTARTS = 5;

/** What is wrong with the pods of the revision that is being rolled out; undefined when nothing is, or nobody may look. */
export async function troubleOf(api: ApiClient, workload: LiveObject): Promise<Trouble | undefined> {
  const pods = await podsOf(api, workload);
  return pods?.map(troubleOfPod).find((trouble) => trouble !== undefined);
}

async function podsOf(api: ApiClient, workload: LiveObject): Promise<readonly LiveObject[] | null> {
  if (workload.kind === 'Pod') return [workload];
  const { namespace } = workload.metadata;
  const selector = ((workload['spec'] ?? {}) as { selector?: { matchLabels?: Record<string, string> } }).selector;
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([name, value]) => `${name}=${value}`);
  if (namespace === undefined || labels.length === 0) return null;
  const newest = await revisionOf(api, workload, labels);
  if (newest === null) return null;
  return api.list({ apiVersion: 'v1', kind: 'Pod', namespace, labels: [...labels, ...newest].join(',') });
}

/** Labels of the newest pods only: those of the revision before may be broken, and be what the change mends. */
async function revisionOf(api: ApiClient, workload: LiveObject, labels: readonly string[]): Promise<string[] | null> {
  const { kind, metadata } = workload;
  if (kind === 'StatefulSet') {
    const { updateRevision } = (workload['status'] ?? {}) as { updateRevision?: string };
    return updateRevision === undefined ? [] : [`controller-revision-hash=${updateRevision}`];
  }
  if (kind !== 'Deployment') return [];
  const sets = await api.list({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    namespace: metadata.namespace ?? '',
    labels: labels.join(','),
  });
  const revision = annotation(workload);
  const newest = sets?.find((set) => revision !== undefined && annotation(set) === revision);
  const hash = (newest?.metadata['labels'] as Record<string, string> | undefined)?.['pod-template-hash'];
  return hash === undefined ? null : [`pod-template-hash=${hash}`];
}

const annotation = ({ metadata }: LiveObject): string | undefined =>
  (metadata['annotations'] as Record<string, string> | undefined)?.['deployment.kubernetes.io/revision'];

function troubleOfPod({ metadata, ...pod }: LiveObject): Trouble | undefined {
  const status = (pod['status'] ?? {}) as PodStatus;
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const { reason, message } = container.state?.waiting ?? {};
    if (reason === undefined || !WRONG.has(reason)) continue;
    const { terminated } = container.lastState ?? {};
    const ended = terminated
      ? `, ended with ${terminated.exitCode ?? '?'} (${terminated.reason ?? ''}), ${container.restartCount ?? 0} restarts`
      : '';
    const words = terminated === undefined && message !== undefined ? `: ${message}` : '';
    const isFinal = FINAL.has(reason) || (reason === 'CrashLoopBackOff' && (container.restartCount ?? 0) >= RESTARTS);
    return { why: `pod ${metadata.name}, container ${container.name ?? '?'}: ${reason}${ended}${words}`, isFinal };
  }
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  return { why: `pod ${metadata.name} cannot be scheduled: ${scheduled.message ?? ''}`, isFinal: false };
}

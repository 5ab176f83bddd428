import type { LiveObject } from '../cluster/api-client.js';

/** Whether an object is ready: not yet, or never by itself. */
export interface Readiness {
  readonly state: 'ready' | 'pending' | 'failed';
  /** What is missing, for people; empty when ready. */
  readonly why: string;
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Status {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly currentRevision?: string;
  readonly updateRevision?: string;
  readonly desiredNumberScheduled?: number;
  readonly updatedNumberScheduled?: number;
  readonly numberAvailable?: number;
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly Condition[];
}

interface Spec {
  readonly replicas?: number;
  readonly completions?: number;
  readonly suspend?: boolean;
  readonly updateStrategy?: { readonly type?: string };
}

const READY: Readiness = { state: 'ready', why: '' };
const pending = (why: string): Readiness => ({ state: 'pending', why });
const failed = (why: string): Readiness => ({ state: 'failed', why });

/** By what the controllers wrote down. Kinds that nobody works on are ready as soon as they are there. */
export function readinessOf(object: LiveObject): Readiness {
  const judge = KINDS[`${object.apiVersion.split('/')[0] ?? ''} ${object.kind}`];
  if (judge === undefined) return READY;
  const status = (object['status'] ?? {}) as Status;
  const { generation } = object.metadata as { generation?: number };
  if (COUNTED.has(object.kind) && (status.observedGeneration ?? 0) < (generation ?? 0)) {
    return pending('its controller has not seen the change yet');
  }
  return judge(object['spec'] ?? {}, status);
}

/** Their controllers say which change they have seen. */
const COUNTED: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);

const KINDS: Readonly<Record<string, (spec: Spec, status: Status) => Readiness>> = {
  'apps Deployment': deployment,
  'apps StatefulSet': statefulSet,
  'apps DaemonSet': daemonSet,
  'apps ReplicaSet': ({ replicas = 1 }, { readyReplicas = 0 }) => of(readyReplicas, replicas, 'ready'),
  'batch Job': job,
  'v1 Pod': pod,
  'apiextensions.k8s.io CustomResourceDefinition': definition,
};

function deployment({ replicas = 1 }: Spec, status: Status): Readiness {
  const progressing = condition(status, 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return failed(progressing.message ?? 'it made no progress within its deadline');
  }
  const { updatedReplicas = 0, availableReplicas = 0, replicas: there = 0 } = status;
  if (updatedReplicas < replicas) return of(updatedReplicas, replicas, 'updated');
  if (there > updatedReplicas) return pending(`${there - updatedReplicas} old pods are still there`);
  return of(availableReplicas, replicas, 'available');
}

function statefulSet({ replicas = 1, updateStrategy }: Spec, status: Status): Readiness {
  const { readyReplicas = 0, updatedReplicas = 0 } = status;
  if (updateStrategy?.type !== 'OnDelete' && status.currentRevision !== status.updateRevision) {
    return of(updatedReplicas, replicas, 'updated', true);
  }
  return of(readyReplicas, replicas, 'ready');
}

function daemonSet({ updateStrategy }: Spec, status: Status): Readiness {
  const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
  if (updateStrategy?.type !== 'OnDelete' && updatedNumberScheduled < wanted) {
    return of(updatedNumberScheduled, wanted, 'updated');
  }
  return of(numberAvailable, wanted, 'available');
}

function job({ suspend }: Spec, status: Status): Readiness {
  if (condition(status, 'Complete')?.status === 'True') return READY;
  const failure = condition(status, 'Failed');
  if (failure?.status === 'True') return failed(wordsOf(failure, 'it failed'));
  // A suspended job is what its author asked for; nobody else will start it.
  return suspend ? READY : pending('it has not completed');
}

function pod(_spec: Spec, status: Status): Readiness {
  if (status.phase === 'Succeeded' || condition(status, 'Ready')?.status === 'True') return READY;
  if (status.phase === 'Failed') return failed(wordsOf(status, 'it failed'));
  return pending(`phase ${status.phase ?? 'unknown'}`);
}

function definition(_spec: Spec, status: Status): Readiness {
  const names = condition(status, 'NamesAccepted');
  if (names?.status === 'False') return failed(wordsOf(names, 'its names are taken'));
  return condition(status, 'Established')?.status === 'True' ? READY : pending('it is not established');
}

function of(count: number, wanted: number, word: string, isPending = false): Readiness {
  return count >= wanted && !isPending ? READY : pending(`${count} of ${wanted} ${word}`);
}

const condition = ({ conditions }: Status, type: string): Condition | undefined =>
  conditions?.find((one) => one.type === type);

const wordsOf = ({ reason, message }: { reason?: string; message?: string }, otherwise: string): string =>
  [reason, message].filter(Boolean).join(': ') || otherwise;

import type { KubernetesObject } from '@switchyard/contracts';
import { groupOf } from './identity.js';

/** What others need comes first; what judges or routes others comes last. Kinds that are not named come in between. */
const FIRST = [
  'Namespace',
  'PriorityClass',
  'NetworkPolicy',
  'ResourceQuota',
  'LimitRange',
  'PodDisruptionBudget',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'StorageClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'Service',
];
const LAST = [
  'Pod',
  'ReplicaSet',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
  'Ingress',
  'APIService',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
];

function rank({ apiVersion, kind }: KubernetesObject): number {
  const isBuiltIn = !groupOf(apiVersion).includes('.') || apiVersion.includes('.k8s.io/');
  if (!isBuiltIn) return 0;
  const first = FIRST.indexOf(kind);
  if (first >= 0) return first - FIRST.length;
  return LAST.indexOf(kind) + 1;
}

/** In the order in which they are applied; objects of one rank stay as they were written. */
export function inOrder<O extends KubernetesObject>(objects: readonly O[]): O[] {
  return objects.toSorted((a, b) => rank(a) - rank(b));
}

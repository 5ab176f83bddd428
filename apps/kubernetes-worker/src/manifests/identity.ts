import type { AppliedObject, KubernetesObject } from '@switchyard/contracts';

/** By which an object is addressed. */
export type Identity = Omit<AppliedObject, 'change'>;

/** How people name an object: `apps/v1 Deployment web/api`. */
export function nameOf({ apiVersion, kind, namespace, name }: Identity): string {
  return `${apiVersion} ${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

/** The same object under another version of its group is the same object. */
export function keyOf({ apiVersion, kind, namespace, name }: Identity): string {
  return JSON.stringify([groupOf(apiVersion), kind, namespace, name]);
}

/** `apps` of `apps/v1`; empty for the core group. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** The identity of an object that knows its namespace already; objects of the cluster have none. */
export function identityOf({ apiVersion, kind, metadata }: KubernetesObject): Identity {
  return { apiVersion, kind, namespace: metadata.namespace ?? null, name: metadata.name };
}

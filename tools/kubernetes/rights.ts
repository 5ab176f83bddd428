import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import type { IRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { nameOf, type Base, type KubernetesObject } from './manifests.ts';

/** By these a worker could give itself every other right, or read what nobody gave it. */
const NEVER = ['secrets', 'roles', 'rolebindings', 'pods/exec', 'pods/attach', 'serviceaccounts/token', '*'];

/** Rights in one namespace hold there alone, name what they are for, and belong to a service account of the base. */
export function rightsProblems(objects: readonly KubernetesObject[], base: Base): string[] {
  return objects.flatMap((object) => {
    const problems =
      object.kind === 'Role'
        ? roleProblems(object as unknown as IRole)
        : object.kind === 'RoleBinding'
          ? bindingProblems(object as unknown as IRoleBinding, objects, base)
          : ['is neither a Role nor a RoleBinding'];
    return problems.map((problem) => `${nameOf(object)}: ${problem}`);
  });
}

function roleProblems({ rules }: IRole): string[] {
  return (rules ?? []).flatMap(({ apiGroups = [], resources = [], verbs }) => [
    ...resources.filter((resource) => NEVER.includes(resource)).map((resource) => `gives ${resource}`),
    ...[...apiGroups, ...verbs].filter((word) => word === '*').map(() => 'gives *'),
  ]);
}

function bindingProblems(
  { roleRef, subjects }: IRoleBinding,
  objects: readonly KubernetesObject[],
  { kustomization, objects: there }: Base,
): string[] {
  const role = objects.find(({ kind, metadata }) => kind === roleRef.kind && metadata.name === roleRef.name);
  const accounts = there.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name);
  return [
    ...(role ? [] : [`there is no ${roleRef.kind} ${roleRef.name}`]),
    ...(subjects ?? [])
      .filter(
        ({ kind, name, namespace }) =>
          kind !== 'ServiceAccount' || namespace !== kustomization.namespace || !accounts.includes(name),
      )
      .map(({ kind, name, namespace }) => `the base has no ${kind} ${namespace}/${name}`),
  ];
}

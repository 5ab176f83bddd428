import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
});

/** Some Kubernetes object; what else it holds is checked by its own model. */
export type KubernetesObject = z.infer<typeof objectSchema>;

const kustomizationSchema = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: z.string(),
  resources: z.array(z.string()),
  images: z.array(
    z.strictObject({
      name: z.string(),
      newName: z.string().optional(),
      newTag: z.string().optional(),
      digest: z.string().optional(),
    }),
  ),
});

/** A kustomization and what it lists. */
export interface Base {
  readonly kustomization: z.infer<typeof kustomizationSchema>;
  readonly objects: readonly KubernetesObject[];
}

/** Reads a folder with a kustomization.yaml, as kustomize would, without any of its programs. */
export function readBase(folder: string): Base {
  const [only] = readDocuments(join(folder, 'kustomization.yaml'));
  const kustomization = kustomizationSchema.parse(only);
  const objects = kustomization.resources.flatMap((path) => readDocuments(join(folder, path)));
  return { kustomization, objects: objects.map((object) => objectSchema.parse(object)) };
}

/** The objects of a kustomization that names no namespace and no images: it is for any. */
export function readObjects(folder: string): KubernetesObject[] {
  const [only] = readDocuments(join(folder, 'kustomization.yaml'));
  const { resources } = kustomizationSchema.omit({ namespace: true, images: true }).parse(only);
  return resources.flatMap((path) => readDocuments(join(folder, path))).map((object) => objectSchema.parse(object));
}

/** The objects as kustomize hands them out: in the namespace, with the images' tags or digests. */
export function buildBase({ kustomization, objects }: Base): KubernetesObject[] {
  const references = new Map(
    kustomization.images.map(({ name, newName = name, newTag, digest }) => [
      name,
      digest === undefined ? `${newName}:${newTag ?? 'latest'}` : `${newName}@${digest}`,
    ]),
  );
  return objects.map((object) => {
    const tagged = replaceImages(object, references) as KubernetesObject;
    if (object.kind === 'Namespace') return tagged;
    return { ...tagged, metadata: { ...tagged.metadata, namespace: kustomization.namespace } };
  });
}

function replaceImages(value: unknown, references: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => replaceImages(item, references));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === 'image' && typeof item === 'string' ? (references.get(item) ?? item) : replaceImages(item, references),
    ]),
  );
}

function readDocuments(file: string): unknown[] {
  const documents = parseAllDocuments(readFileSync(file, 'utf8'));
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    return document.toJS() as unknown;
  });
}

/** `Deployment ansible-worker`, for messages. */
export const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind} ${metadata.name}`;

import { CodedError, type KubernetesObject } from '@switchyard/contracts';
import { z } from 'zod';
import { nameOf, type Identity } from '../manifests/identity.js';
import { refusalOf, statusOf, withoutWords } from './refusal.js';

/** One request of an API client. */
export interface ApiRequest {
  readonly method: 'GET' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** How requests reach the API server. */
export interface Send {
  request(request: ApiRequest): Promise<ApiAnswer>;
  close(): Promise<void>;
}

/** As which the worker owns fields. */
export const FIELD_MANAGER = 'switchyard';

/** Kinds that are gone only when their pods are. */
const OWNERS: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']);

const resourceSchema = z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() });
const resourcesSchema = z.object({ resources: z.array(resourceSchema) });
type Resource = z.output<typeof resourceSchema>;

/** An object as the API server gives it. */
export type LiveObject = KubernetesObject & Readonly<Record<string, unknown>>;

const liveSchema = z.looseObject({
  apiVersion: z.string().default(''),
  kind: z.string().default(''),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
const listSchema = z.looseObject({ items: z.array(liveSchema) });

/**
 * Speaks to one API server about objects of any kind, as they are: a client with a class per kind would drop every
 * field that it is too old to know. Errors are coded: KubernetesRefused, KubernetesConflict, AuthFailed, UpstreamFailed.
 */
export class ApiClient implements AsyncDisposable {
  readonly #server: string;
  readonly #send: Send;
  readonly #signal: AbortSignal;
  readonly #resources = new Map<string, readonly Resource[]>();

  constructor(server: string, send: Send, signal: AbortSignal) {
    this.#server = server;
    this.#send = send;
    this.#signal = signal;
  }

  /** Whether the server knows the kind now. */
  async knows(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.#find(apiVersion, kind)) !== undefined;
  }

  /** The object with the namespace that it will have: objects of the cluster have none, others one. */
  async placed(object: KubernetesObject, namespace: string): Promise<KubernetesObject> {
    const { namespaced } = await this.#resource(object.apiVersion, object.kind);
    const { namespace: own, ...metadata } = object.metadata;
    return {
      ...object,
      metadata: namespaced ? { ...metadata, namespace: own ?? namespace } : metadata,
    };
  }

  async get(identity: Identity): Promise<LiveObject | undefined> {
    const answer = await this.#ask('GET', await this.#path(identity));
    if (answer.status === 404) return undefined;
    return live(this.#ok(answer, `${nameOf(identity)} could not be read`));
  }

  /** Objects of a kind in a namespace; null where the worker may not list them. */
  async list(query: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly labels: string;
  }): Promise<readonly LiveObject[] | null> {
    const { apiVersion, kind, namespace, labels } = query;
    const { name } = await this.#resource(apiVersion, kind);
    const selector = new URLSearchParams({ labelSelector: labels, limit: '200' });
    const path = `${rootOf(apiVersion)}/namespaces/${encodeURIComponent(namespace)}/${name}`;
    const answer = await this.#ask('GET', `${path}?${selector.toString()}`);
    if (answer.status === 403) return null;
    return listSchema.parse(JSON.parse(this.#ok(answer, `${kind} of ${namespace} could not be listed`).text)).items;
  }

  /** Server-side apply. @throws KubernetesConflict when somebody else owns a field that differs */
  async apply(
    identity: Identity,
    object: KubernetesObject,
    { force, dryRun }: { readonly force: boolean; readonly dryRun: boolean },
  ): Promise<LiveObject> {
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, force: String(force), fieldValidation: 'Strict' });
    if (dryRun) query.set('dryRun', 'All');
    // JSON is YAML, and the only patch type of server-side apply that every version takes.
    const answer = await this.#ask('PATCH', `${await this.#path(identity)}?${query.toString()}`, {
      type: 'application/apply-patch+yaml',
      body: JSON.stringify(object),
    });
    // What the server says of a Secret may quote its values.
    const said =
      identity.kind === 'Secret' && answer.status >= 400 ? { ...answer, text: withoutWords(answer.text) } : answer;
    return live(this.#ok(said, `${nameOf(identity)} was refused`));
  }

  /** Deletes an object; of workloads, what they own first. False when it is not there. */
  async delete(identity: Identity, { dryRun }: { readonly dryRun: boolean }): Promise<boolean> {
    const propagationPolicy = OWNERS.has(identity.kind) ? 'Foreground' : 'Background';
    const answer = await this.#ask('DELETE', `${await this.#path(identity)}${dryRun ? '?dryRun=All' : ''}`, {
      type: 'application/json',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy }),
    });
    if (answer.status === 404) return false;
    this.#ok(answer, `${nameOf(identity)} could not be deleted`);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send.close();
  }

  async #path({ apiVersion, kind, namespace, name }: Identity): Promise<string> {
    const resource = await this.#resource(apiVersion, kind);
    const place = namespace === null ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
    return `${rootOf(apiVersion)}${place}/${resource.name}/${encodeURIComponent(name)}`;
  }

  async #resource(apiVersion: string, kind: string): Promise<Resource> {
    const found = await this.#find(apiVersion, kind);
    if (found) return found;
    throw new CodedError(
      'KubernetesRefused',
      `the API server knows no ${kind} in ${apiVersion}; is its custom resource definition missing, or the version another one?`,
      { details: { apiVersion, kind } },
    );
  }

  async #find(apiVersion: string, kind: string): Promise<Resource | undefined> {
    const known = this.#resources.get(apiVersion)?.find((resource) => resource.kind === kind);
    if (known) return known;
    // What is not known is asked for again: a definition may have come since.
    const answer = await this.#ask('GET', rootOf(apiVersion));
    if (answer.status === 404) return undefined;
    const { resources } = resourcesSchema.parse(JSON.parse(this.#ok(answer, `${apiVersion} could not be read`).text));
    // `deployments/scale` and `deployments/status` are not objects.
    const whole = resources.filter(({ name }) => !name.includes('/'));
    this.#resources.set(apiVersion, whole);
    return whole.find((resource) => resource.kind === kind);
  }

  async #ask(
    method: ApiRequest['method'],
    path: string,
    content?: { readonly type: string; readonly body: string },
  ): Promise<ApiAnswer> {
    try {
      return await this.#send.request({
        method,
        url: `${this.#server}${path}`,
        headers: { accept: 'application/json', ...(content ? { 'content-type': content.type } : {}) },
        ...(content ? { body: content.body } : {}),
        signal: this.#signal,
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CodedError('UpstreamFailed', `the API server ${this.#server} does not answer: ${why}`, {
        cause: error,
        retryable: true,
      });
    }
  }

  #ok(answer: ApiAnswer, what: string): ApiAnswer {
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusalOf(answer.status, statusOf(answer.text), what);
  }
}

function live({ text }: ApiAnswer): LiveObject {
  return liveSchema.parse(JSON.parse(text));
}

/** The path of a group and version. */
function rootOf(apiVersion: string): string {
  const path = apiVersion.split('/').map(encodeURIComponent).join('/');
  return apiVersion.includes('/') ? `/apis/${path}` : `/api/${path}`;
}

import { existsSync } from 'node:fs';
import { HttpMethod, IsomorphicFetchHttpLibrary, KubeConfig, RequestContext } from '@kubernetes/client-node';
import { CodedError, nearestName } from '@switchyard/contracts';
import { ApiClient, type Send } from './api-client.js';

/** Where the clusters of a worker are told. */
export interface ClusterSettings {
  /** A kubeconfig; without it the service account of the pod. */
  readonly file: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Opens a cluster by the name of its context; undefined for the current one. */
export type OpenCluster = (context: string | undefined, signal: AbortSignal) => Promise<ApiClient>;

/** One request that is not answered within this time is made again; the API server itself gives up after a minute. */
const REQUEST_MS = 30_000;

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * The clusters of a worker. The kubeconfig is read anew each time: credentials are rotated.
 * @throws PreflightRefused where the worker has no cluster, NotFound for a context that it does not have
 */
export function clustersOf(settings: ClusterSettings): OpenCluster {
  return async (context, signal) => {
    const config = configOf(settings);
    if (context !== undefined) {
      const names = config.getContexts().map(({ name }) => name);
      if (!names.includes(context)) {
        const near = nearestName(context, names);
        throw new CodedError(
          'NotFound',
          `context: the worker has no context "${context}"${near ? `; did you mean "${near}"?` : ''}`,
          { details: { contexts: names } },
        );
      }
      config.setCurrentContext(context);
    }
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new CodedError(
        'PreflightRefused',
        'the kubeconfig of the worker has no current context; name one in `context`',
      );
    }
    return new ApiClient(server.replace(/\/$/, ''), await sender(config), signal);
  };
}

function configOf({ file, env }: ClusterSettings): KubeConfig {
  const config = new KubeConfig();
  if (file !== undefined) {
    try {
      config.loadFromFile(file);
    } catch (error) {
      // What the parser says may quote the file, and with it a token.
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'it is no kubeconfig';
      throw new CodedError('PreflightRefused', `SWITCHYARD_KUBECONFIG: ${file} cannot be read (${code})`);
    }
    return config;
  }
  if (env['KUBERNETES_SERVICE_HOST'] === undefined || !existsSync(SERVICE_ACCOUNT_TOKEN)) {
    throw new CodedError(
      'PreflightRefused',
      'this kubernetes-worker knows no cluster; set SWITCHYARD_KUBECONFIG to a kubeconfig, or let it run in a pod with a service account',
    );
  }
  config.loadFromCluster();
  return config;
}

/** Credentials, TLS and proxies are the library's; the connections are kept over the requests of one client. */
async function sender(config: KubeConfig): Promise<Send> {
  const http = new IsomorphicFetchHttpLibrary();
  const probe = new RequestContext('https://localhost', HttpMethod.GET);
  await config.applySecurityAuthentication(probe);
  const dispatcher = probe.getDispatcher();
  return {
    async request({ method, url, headers, body, signal }) {
      const context = new RequestContext(url, method);
      // Asked for each request: a token may have run out since the one before.
      await config.applySecurityAuthentication(context);
      if (dispatcher) context.setDispatcher(dispatcher);
      for (const [name, value] of Object.entries(headers)) context.setHeaderParam(name, value);
      if (body !== undefined) context.setBody(body);
      context.setSignal(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]));
      const response = await http.send(context).toPromise();
      return { status: response.httpStatusCode, headers: response.headers, text: await response.body.text() };
    },
    close: async () => dispatcher?.close(),
  };
}

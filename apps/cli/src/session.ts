import { CodedError } from '@switchyard/contracts';
import { environment as stackEnvironment, status as stackStatus } from '@switchyard/local-stack';
import { createDatabase, parseDatabaseConfig, readSecretFile } from '@switchyard/shared-db';
import { openStore, type Store } from '@switchyard/store';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** What commands about runs work with. Parts are opened when first asked for, and closed together. */
export interface Session {
  readonly client: Client;
  /** Where people look at a run in Temporal's own UI; null when that is not known. */
  uiLink(workflowId: string): string | null;
  /** Switchyard's own tables: events, ledgers, decisions. */
  store(): Store;
  close(): Promise<void>;
}

/**
 * Connects to the local stack of a root when one runs, else to where TEMPORAL_* and DB_* point.
 * @throws DatabaseUnreachable-like CodedError `UpstreamFailed` when Temporal does not answer
 */
export async function openSession(root: string): Promise<Session> {
  const env = await environmentOf(root);
  const status = await stackStatus(root);
  if (!status && !env['TEMPORAL_ADDRESS'] && !env['TEMPORAL_CONFIG_FILE'] && !env['TEMPORAL_PROFILE']) {
    throw new CodedError(
      'UpstreamFailed',
      'no local stack runs here and TEMPORAL_ADDRESS is not set; start one with `./switchyard up`',
    );
  }
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: definedOf(env) });
  const address = connectionOptions.address ?? 'localhost:7233';
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: 5_000 }).catch(
    (cause: unknown) => {
      throw new CodedError(
        'UpstreamFailed',
        `Temporal at ${address} does not answer; check TEMPORAL_ADDRESS, or start a local stack with \`./switchyard up\``,
        { cause },
      );
    },
  );
  const client = new Client({ connection, namespace: namespace ?? 'default' });
  let opened: OpenedStore | undefined;
  return {
    client,
    uiLink: (workflowId) =>
      status?.temporal.uiUrl
        ? `${status.temporal.uiUrl}/namespaces/${status.temporal.namespace}/workflows/${encodeURIComponent(workflowId)}`
        : null,
    store() {
      opened ??= openStoreOf(env);
      return opened.store;
    },
    async close() {
      await opened?.close();
      await connection.close();
    },
  };
}

interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

function openStoreOf(env: NodeJS.ProcessEnv, key?: string): OpenedStore {
  const database = createDatabase({ role: 'app', config: parseDatabaseConfig(env), applicationName: 'switchyard/cli' });
  const store = openStore({ knex: database.knex, ...(key === undefined ? {} : { key }) });
  return {
    store,
    async close() {
      await store.close();
      await database.close({ deadlineMs: 2_000 });
    },
  };
}

/** Runs `work` with the store alone, for commands that need no Temporal: that of the local stack, else where DB_* points. */
export async function withStore<T>(root: string, work: (store: Store) => Promise<T>): Promise<T> {
  return closing(openStoreOf(await environmentOf(root)), work);
}

/** As {@link withStore}, with the key of stored artifacts. Only who reads them needs it. */
export async function withArtifacts<T>(root: string, work: (store: Store) => Promise<T>): Promise<T> {
  const env = await environmentOf(root);
  return closing(openStoreOf(env, await artifactKeyOf(env)), work);
}

const environmentOf = async (root: string): Promise<NodeJS.ProcessEnv> => (await stackEnvironment(root)) ?? process.env;

async function artifactKeyOf(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { SWITCHYARD_ARTIFACT_KEY: key, SWITCHYARD_ARTIFACT_KEY_FILE: file } = env;
  if (key || !file) return key || undefined;
  return (await readSecretFile('SWITCHYARD_ARTIFACT_KEY_FILE', file)).reveal();
}

async function closing<T>(opened: OpenedStore, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(opened.store);
  } finally {
    await opened.close();
  }
}

const definedOf = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );

/** Opens a session, runs `work`, and closes the session whatever happens. */
export async function withSession<T>(root: string, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(root);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TASK_QUEUES } from '@switchyard/contracts';
import { down, status, up, type StackStatus, type ToolName } from '@switchyard/local-stack';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { migrate } from '@switchyard/store';
import { Client, Connection } from '@temporalio/client';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** The workers that benchmarks use; others would only take processor time from what is measured. */
export type BenchWorker =
  'coordinator' | 'ansible-worker' | 'terraform-worker' | 'migration-worker' | 'cdc-worker' | 'integration-worker';

const WORKERS = {
  coordinator: { taskQueue: TASK_QUEUES.coordinator, tool: null },
  'ansible-worker': { taskQueue: TASK_QUEUES.ansible, tool: 'ansible' },
  'terraform-worker': { taskQueue: TASK_QUEUES.terraform, tool: 'terraform' },
  'migration-worker': { taskQueue: TASK_QUEUES.migration, tool: null },
  'cdc-worker': { taskQueue: TASK_QUEUES.cdc, tool: null },
  'integration-worker': { taskQueue: TASK_QUEUES.integration, tool: null },
} as const satisfies Record<BenchWorker, { taskQueue: string; tool: ToolName | null }>;

/** A stack of its own for one benchmark, with its project and data in a temporary folder. */
export interface BenchStack extends AsyncDisposable {
  readonly root: string;
  readonly client: Client;
  /** Where its servers are. */
  readonly servers: Pick<StackStatus, 'postgres' | 'databases'>;
  /** The process of a worker as it is now; null while it is being started again. */
  readonly workerPid: (name: BenchWorker) => Promise<number | null>;
  /** The store's database as the workers use it. */
  readonly database: Database;
  /** How programs find the stack and its tools. */
  readonly environment: Readonly<Record<string, string>>;
  /** Arguments for Node that call the command line. */
  readonly cli: readonly string[];
}

/** URL of the database `app`, as its owner. */
export function appUrl({ servers }: Pick<BenchStack, 'servers'>): string {
  const { url } = servers.databases['app'] ?? {};
  if (url === undefined) throw new Error('the stack has no database app');
  return url;
}

/** Starts servers and the named workers, as built. Progress goes to standard error: standard output is for documents. */
export async function startStack(workers: readonly BenchWorker[]): Promise<BenchStack> {
  const undo = new AsyncDisposableStack();
  let ending: Promise<void> | undefined;
  // The first call ends it, and every other one waits for that: a signal and an error may come together.
  const stop = (): Promise<void> => (ending ??= undo.disposeAsync());
  stopOnSignal(undo, stop);
  try {
    return { ...(await open(workers, undo)), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(
  workers: readonly BenchWorker[],
  undo: AsyncDisposableStack,
): Promise<Omit<BenchStack, typeof Symbol.asyncDispose>> {
  const root = await mkdtemp(join(tmpdir(), 'switchyard-bench-'));
  undo.defer(() => rm(root, { recursive: true, force: true }));
  const caller = withoutSettings(process.env);
  undo.defer(async () => void (await down(root)));
  const { status: stack, environment } = await up({
    root,
    env: caller,
    workers: workers.map((name) => ({
      name,
      taskQueue: WORKERS[name].taskQueue,
      entry: join(repository, 'apps', name, 'dist', 'main.js'),
    })),
    tools: ['temporal', 'postgres', ...workers.flatMap((name) => WORKERS[name].tool ?? [])],
    prepare: migrateStore,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  const connection = await Connection.connect({ address: stack.temporal.address });
  undo.defer(() => connection.close());
  const database = createDatabase({
    role: 'app',
    config: parseDatabaseConfig(environment),
    applicationName: 'switchyard/bench',
  });
  undo.defer(async () => void (await database.close({ deadlineMs: 5_000 })));
  return {
    root,
    client: new Client({ connection, namespace: stack.temporal.namespace }),
    servers: stack,
    workerPid: async (name) => (await status(root))?.workers.find((worker) => worker.name === name)?.pid ?? null,
    database,
    environment: { ...environment, SWITCHYARD_ROOT: root },
    cli: [join(repository, 'apps', 'cli', 'dist', 'main.js')],
  };
}

/** A benchmark that is ended by a person or by a time-out must not leave servers behind. */
function stopOnSignal(undo: AsyncDisposableStack, stop: () => Promise<void>): void {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    const onSignal = (): void => void stop().finally(() => process.exit(code));
    process.once(signal, onSignal);
    undo.defer(() => void process.off(signal, onSignal));
  }
}

async function migrateStore(environment: Readonly<Record<string, string>>): Promise<void> {
  const database = createDatabase({
    role: 'migrator',
    config: parseDatabaseConfig(environment),
    applicationName: 'switchyard/bench migrate',
  });
  try {
    await migrate(database.knex);
  } finally {
    await database.close({ deadlineMs: 5_000 });
  }
}

/** Settings of another stack must not reach this one; paths of tools may. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isKept = (name: string): boolean =>
    !/^(?:SWITCHYARD_|DB_|TEMPORAL_)/.test(name) || /^SWITCHYARD_\w+_(?:BIN|HOME|MIRROR)$/.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name)));
}

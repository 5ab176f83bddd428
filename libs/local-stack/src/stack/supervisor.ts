import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { CodedError } from '@switchyard/contracts';
import { messageOf } from '../error-code.js';
import { freePort } from '../processes/ports.js';
import { identify } from '../processes/processes.js';
import type { Cluster } from '../postgres/cluster.js';
import type { DevServer } from '../temporal/dev-server.js';
import { serveControl, type StartWorkers } from './control.js';
import { stackLayout, STACK_MARKER } from './layout.js';
import { endMarked } from './leftovers.js';
import { startStackPostgres, startStackTemporal, type KeptServer } from './servers.js';
import { writeState, type StackState } from './state.js';
import { superviseProcess, type SupervisedProcess } from './process-supervision.js';

/** What `up` gives the supervisor on its standard input. */
export const supervisorConfigSchema = z.object({
  root: z.string(),
  temporalBinary: z.string(),
  ports: z.object({
    temporal: z.number().optional(),
    ui: z.number().optional(),
    postgres: z.number().optional(),
  }),
  gatewayPort: z.number(),
  dataDir: z.string(),
  superuserPassword: z.string(),
  notices: z.array(z.string()),
});

export type SupervisorConfig = z.output<typeof supervisorConfigSchema>;

/**
 * Runs a stack until it is told to stop: starts the servers, then the workers that it is given, starts again what
 * ends, and writes down every change, so that whoever comes after a crash finds each process.
 */
export async function supervise(config: SupervisorConfig): Promise<void> {
  const layout = stackLayout(config.root);
  const token = randomBytes(16).toString('hex');
  const self = await identify(process.pid);
  if (self === undefined) throw new Error('the supervisor cannot see itself');
  const marker = { [STACK_MARKER]: layout.id };
  const workers = new Map<string, { readonly process: SupervisedProcess; readonly taskQueue: string }>();
  let gateway: SupervisedProcess | undefined;
  let phase: StackState['phase'] = 'starting';
  let failure: StackState['failure'] = null;
  let environment: Readonly<Record<string, string>> = {};
  let temporal: KeptServer<DevServer> | undefined;
  let postgres: KeptServer<Cluster> | undefined;
  let ending: Promise<void> | undefined;

  const supervised = (): SupervisedProcess[] => [
    ...[...workers.values()].map(({ process: worker }) => worker),
    ...(gateway ? [gateway] : []),
  ];
  const state = (): StackState => ({
    supervisor: self,
    control: { port, token },
    phase,
    failure,
    notices: config.notices,
    temporal: temporal
      ? { address: temporal.first.address, namespace: temporal.first.namespace, uiUrl: temporal.first.uiUrl }
      : null,
    postgres: postgres ? { host: '127.0.0.1', port: postgres.first.port } : null,
    processes: [
      ...supervised().flatMap((one) => {
        const identity = one.identity();
        return identity === undefined ? [] : [{ ...identity, name: one.state().name, signal: 'SIGTERM' as const }];
      }),
      ...(temporal ? [{ ...temporal.identity(), name: 'temporal', signal: 'SIGTERM' as const }] : []),
      ...(postgres ? [{ ...postgres.identity(), name: 'postgres', signal: 'SIGINT' as const }] : []),
    ],
    stackEnvironment: { ...environment },
    gateway: gateway ? { ...gateway.state(), url: `http://127.0.0.1:${config.gatewayPort}` } : null,
    workers: [...workers.values()].map(({ process: worker, taskQueue }) => ({ ...worker.state(), taskQueue })),
  });

  // One write after the other, the newest last; several changes at once are one write.
  let writing: Promise<void> | undefined;
  let dirty = false;
  const save = (): Promise<void> => {
    dirty = true;
    writing ??= (async () => {
      while (dirty) {
        dirty = false;
        await writeState(layout, state());
      }
    })().finally(() => (writing = undefined));
    return writing;
  };
  const onChange = (): void => {
    save().catch((error: unknown) => console.error('the state could not be written:', messageOf(error)));
  };

  const startWorkers = async (request: StartWorkers): Promise<void> => {
    if (ending !== undefined) throw new Error('the stack is stopping');
    environment = request.stackEnvironment;
    const common = {
      cwd: layout.root,
      logs: layout.logs,
      environment: { ...request.environment, ...marker },
      onChange,
    };
    for (const spec of request.workers) {
      if (workers.has(spec.name)) continue;
      const { taskQueue } = spec;
      workers.set(spec.name, { process: superviseProcess({ ...common, spec, listen: onFreePort }), taskQueue });
    }
    if (request.gateway) {
      gateway ??= superviseProcess({
        ...common,
        spec: { ...request.gateway, name: 'gateway' },
        listen: () => onGatewayPort(config.gatewayPort),
      });
    }
    await save();
  };

  const stop = (): Promise<void> => (ending ??= stopAll());
  const stopAll = async (): Promise<void> => {
    await Promise.allSettled(supervised().map((one) => one.stop()));
    const servers = [temporal, postgres].filter((server) => server !== undefined);
    const except = [self, ...servers.map((server) => server.identity())];
    await endMarked(layout, { except, patienceMs: 10_000 });
    await Promise.allSettled(servers.map((server) => server.stop()));
    await writing;
  };

  const { server, port } = await serveControl(token, {
    state,
    startWorkers,
    stop: async () => {
      await stop();
      server.close();
      // The answer goes out first; then nothing is left to wait for.
      setTimeout(() => process.exit(0), 200).unref();
    },
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
  process.on('SIGHUP', () => undefined); // the terminal that started the stack may close
  await save();
  try {
    const servers = { ...config, temporalFile: layout.temporalFile, logs: layout.logs, marker };
    const started = await Promise.allSettled([
      startStackTemporal(servers, onChange).then((kept) => (temporal = kept)),
      startStackPostgres(servers, onChange).then((kept) => (postgres = kept)),
    ]);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    phase = 'running';
    await save();
  } catch (error) {
    phase = 'failed';
    failure = { code: error instanceof CodedError ? error.code : 'Internal', message: messageOf(error) };
    await stop();
    await save();
    process.exit(1);
  }
}

/** Nobody but the supervisor asks for the health of a worker. */
async function onFreePort(): Promise<{ port: number; env: Record<string, string> }> {
  const port = await freePort();
  return { port, env: { SWITCHYARD_HEALTH_HOST: '127.0.0.1', SWITCHYARD_HEALTH_PORT: String(port) } };
}

/** Services keep the address of the gateway, so it comes back on the same port. */
async function onGatewayPort(port: number): Promise<{ port: number; env: Record<string, string> }> {
  return { port, env: { SWITCHYARD_GATEWAY_PORT: String(port) } };
}

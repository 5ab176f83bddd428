import { join } from 'node:path';
import { isRunning } from '../processes/processes.js';
import { startCluster } from '../postgres/cluster.js';
import { startDevServer } from '../temporal/dev-server.js';
import type { ProcessIdentity } from '../processes/processes.js';

/** What the servers of a stack are started with. */
export interface ServersConfig {
  readonly temporalBinary: string;
  readonly temporalFile: string;
  readonly temporalPort: number;
  readonly uiPort: number;
  readonly postgresPort: number;
  readonly dataDir: string;
  readonly superuserPassword: string;
  readonly logs: string;
  /** Marker of the stack, added to the environment of the servers. */
  readonly marker: Readonly<Record<string, string>>;
}

/** A server that is started again, on the same port and data, when it ends. */
export interface KeptServer {
  readonly identity: () => ProcessIdentity;
  readonly stop: () => Promise<void>;
}

interface Started {
  readonly identity: ProcessIdentity;
  readonly stop: () => Promise<void>;
}

/** Starts a server and starts it again when it ends; the data are in files, so a run goes on where it was. */
export async function keepRunning(start: () => Promise<Started>, onChange: () => void): Promise<KeptServer> {
  let current = await start();
  let stopped = false;
  let restarting: Promise<void> | undefined;
  const timer = setInterval(() => {
    restarting ??= restartIfEnded().finally(() => (restarting = undefined));
  }, 500);
  const restartIfEnded = async (): Promise<void> => {
    if (stopped || (await isRunning(current.identity)) || stopped) return;
    try {
      current = await start();
      onChange();
    } catch {
      // The reason is in its log; the next look tries again.
    }
  };
  return {
    identity: () => current.identity,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await restarting;
      await current.stop();
    },
  };
}

/** Starts the Temporal server of a stack. */
export function startStackTemporal(config: ServersConfig, onChange: () => void): Promise<KeptServer> {
  const start = (): Promise<Started> =>
    startDevServer({
      binary: config.temporalBinary,
      dbFile: config.temporalFile,
      port: config.temporalPort,
      uiPort: config.uiPort,
      logFile: join(config.logs, 'temporal.log'),
      env: config.marker,
    });
  return keepRunning(start, onChange);
}

/** Starts the PostgreSQL server of a stack, with logical decoding for change streams. */
export function startStackPostgres(config: ServersConfig, onChange: () => void): Promise<KeptServer> {
  const start = (): Promise<Started> =>
    startCluster({
      dataDir: config.dataDir,
      password: config.superuserPassword,
      port: config.postgresPort,
      logFile: join(config.logs, 'postgres.log'),
      settings: {
        wal_level: 'logical',
        max_wal_senders: '20',
        max_replication_slots: '20',
        max_connections: '200',
      },
      env: config.marker,
    });
  return keepRunning(start, onChange);
}

import { join } from 'node:path';
import { isRunning } from '../processes/processes.js';
import { startCluster, type Cluster } from '../postgres/cluster.js';
import { startDevServer, type DevServer } from '../temporal/dev-server.js';
import type { ProcessIdentity } from '../processes/processes.js';

/** What the servers of a stack are started with. */
export interface ServersConfig {
  readonly temporalBinary: string;
  readonly temporalFile: string;
  /** Ports that somebody asked for; for the others each server takes a free one. */
  readonly ports: Readonly<Partial<Record<'temporal' | 'ui' | 'postgres', number | undefined>>>;
  readonly dataDir: string;
  readonly superuserPassword: string;
  readonly logs: string;
  /** Marker of the stack, added to the environment of the servers. */
  readonly marker: Readonly<Record<string, string>>;
}

interface Started {
  readonly identity: ProcessIdentity;
  readonly stop: () => Promise<void>;
}

/** A server that is started again, on the same port and data, when it ends. */
export interface KeptServer<Server extends Started = Started> {
  /** As it was started first; its process may be another one by now. */
  readonly first: Server;
  readonly identity: () => ProcessIdentity;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a server and starts it again when it ends; the data are in files, so a run goes on where it was. Only the
 * first start may choose its port: `start` is given what that one gave, and clients keep its address.
 */
export async function keepRunning<Server extends Started>(
  start: (first?: Server) => Promise<Server>,
  onChange: () => void,
): Promise<KeptServer<Server>> {
  const first = await start();
  let current = first;
  let stopped = false;
  let restarting: Promise<void> | undefined;
  const timer = setInterval(() => {
    restarting ??= restartIfEnded().finally(() => (restarting = undefined));
  }, 500);
  const restartIfEnded = async (): Promise<void> => {
    if (stopped || (await isRunning(current.identity)) || stopped) return;
    try {
      current = await start(first);
      onChange();
    } catch {
      // The reason is in its log; the next look tries again.
    }
  };
  return {
    first,
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
export function startStackTemporal(config: ServersConfig, onChange: () => void): Promise<KeptServer<DevServer>> {
  const start = (first?: DevServer): Promise<DevServer> => {
    const port = first?.port ?? config.ports.temporal;
    const uiPort = first?.uiPort ?? config.ports.ui;
    return startDevServer({
      binary: config.temporalBinary,
      dbFile: config.temporalFile,
      ...(port === undefined ? {} : { port }),
      ...(uiPort === undefined ? {} : { uiPort }),
      logFile: join(config.logs, 'temporal.log'),
      env: config.marker,
    });
  };
  return keepRunning(start, onChange);
}

/** Starts the PostgreSQL server of a stack, with logical decoding for change streams. */
export function startStackPostgres(config: ServersConfig, onChange: () => void): Promise<KeptServer<Cluster>> {
  const start = (first?: Cluster): Promise<Cluster> => {
    const port = first?.port ?? config.ports.postgres;
    return startCluster({
      dataDir: config.dataDir,
      password: config.superuserPassword,
      ...(port === undefined ? {} : { port }),
      logFile: join(config.logs, 'postgres.log'),
      settings: {
        wal_level: 'logical',
        max_wal_senders: '20',
        max_replication_slots: '20',
        max_connections: '200',
      },
      env: config.marker,
    });
  };
  return keepRunning(start, onChange);
}

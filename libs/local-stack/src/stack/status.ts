import { databaseUrl, stackUsers } from './databases.js';
import { stackEnvironment } from './environment.js';
import { stackLayout } from './layout.js';
import { readLiveState, type StackState, type PROCESS_STATES } from './state.js';

/** What scripts are told about a running stack. `url`s hold passwords: the stack is for one machine. */
export interface StackStatus {
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl: string | null };
  readonly postgres: {
    /** The database `switchyard` as the role of the workers. */
    readonly url: string;
    /** The database `postgres` as superuser. */
    readonly adminUrl: string;
  };
  readonly databases: Readonly<Record<string, { readonly url: string }>>;
  readonly gateway: GatewayStatus | null;
  readonly kafka: { readonly brokers: string; readonly connectUrl: string } | null;
  readonly workers: readonly WorkerStatus[];
}

/** A process that the stack starts again when it ends. */
interface ProcessStatus {
  readonly name: string;
  /** Null while it is being started again. */
  readonly pid: number | null;
  readonly state: (typeof PROCESS_STATES)[number];
  /** How often it was started again. */
  readonly restarts: number;
  /** How it ended the last time, if it did. */
  readonly lastExit: string | null;
  /** Its log file. */
  readonly log: string;
}

/** One worker in the status. */
export interface WorkerStatus extends ProcessStatus {
  readonly taskQueue: string;
}

/** The gateway in the status. */
export interface GatewayStatus extends ProcessStatus {
  /** Where it answers, also after it was started again. */
  readonly url: string;
}

/** The stack of a root; null when none runs, or it has not come up yet. */
export async function status(root: string): Promise<StackStatus | null> {
  const state = await readLiveState(stackLayout(root));
  return state === undefined ? null : statusOf(root, state);
}

/** The environment for a program that uses the running stack of a root; null when none runs. */
export async function environment(
  root: string,
  caller: NodeJS.ProcessEnv = process.env,
): Promise<Record<string, string> | null> {
  const state = await readLiveState(stackLayout(root));
  if (state === undefined || Object.keys(state.stackEnvironment).length === 0) return null;
  return stackEnvironment(caller, state.stackEnvironment);
}

/** The status that a state means. */
export async function statusOf(root: string, state: StackState): Promise<StackStatus | null> {
  const { temporal, postgres } = state;
  if (temporal === null || postgres === null) return null;
  const users = await stackUsers(stackLayout(root));
  return {
    temporal,
    postgres: {
      url: databaseUrl(postgres, users.server, 'switchyard'),
      adminUrl: databaseUrl(postgres, users.superuser, 'postgres'),
    },
    databases: { app: { url: databaseUrl(postgres, users.app, 'app') } },
    gateway: state.gateway,
    kafka: null,
    workers: state.workers,
  };
}

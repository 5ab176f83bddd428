import type { Masker, Reaper } from '@switchyard/process';
import type { VersioningBehavior } from '@temporalio/common';
import type { ActivityFunction } from './activity.js';
import type { Close } from './closers.js';
import type { WorkerConfig } from './config/parse-environment.js';
import type { Variables } from './config/variable.js';
import type { Log } from './logger.js';

/** What every part of a worker is given. */
export interface WorkerContext<V extends Variables = Variables> {
  /** Name of the worker. */
  readonly name: string;
  readonly taskQueue: string;
  /** The parsed SWITCHYARD_* variables. */
  readonly config: WorkerConfig<V>;
  /** The environment itself, for parts that parse their own names (DB_*, VAULT_*). */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Secrets registered here are hidden in logs and failures. Programs are given the same one. */
  readonly masker: Masker;
  /** Ends programs if this worker dies. Started at first use: a worker that runs no programs has none. */
  readonly reaper: Reaper;
  /** Aborts when the worker was asked to stop. Activities have a signal of their own. */
  readonly stopping: AbortSignal;
  /** Registers what is open now to be closed when the worker ends, newest first. */
  readonly onClose: (name: string, close: Close) => void;
}

/** What the activities of a worker are given: the context, and what its app has opened. */
export type ActivityContext<R, V extends Variables = Variables> = WorkerContext<V> & { readonly resources: R };

/** One worker: its queue, its workflows, its activities, and how it ends. */
export interface WorkerDefinition<R, V extends Variables> {
  readonly name: string;
  readonly taskQueue: string;
  /** The built workflow bundle. Absent: the worker runs activities only. */
  readonly workflowBundle?: URL | string;
  /** Variables beside those that every worker knows. */
  readonly variables?: V;
  /** SWITCHYARD_ names that the app reads by itself. */
  readonly alsoKnown?: readonly string[];
  /** Opens stores, pools and clients; each is registered with `context.onClose` as soon as it is open. */
  readonly open?: (context: WorkerContext<V>) => Promise<R> | R;
  /** The activities, each wrapped by runWorker so that its errors become coded failures. */
  readonly activities?: (context: ActivityContext<R, V>) => Readonly<Record<string, ActivityFunction>>;
  /** Slots: fixed numbers, because activities here are heavy and uneven. */
  readonly slots?: {
    /** Activities at once. Default 10; SWITCHYARD_MAX_CONCURRENT_ACTIVITIES wins. */
    readonly activities?: number;
    /** Workflow tasks at once. Default 40. */
    readonly workflowTasks?: number;
  };
  /** SWITCHYARD_SHUTDOWN_GRACE and SWITCHYARD_SHUTDOWN_FORCE win. */
  readonly shutdown?: {
    /** Milliseconds that running activities may go on after SIGTERM. Default 10 s. */
    readonly graceMs?: number;
    /** Milliseconds after which the worker gives up on them. Default: the grace and 30 s. */
    readonly forceMs?: number;
  };
  /** Used with TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID. Default PINNED: runs end on the version they began on. */
  readonly versioning?: VersioningBehavior;
}

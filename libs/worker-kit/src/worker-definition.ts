import type { Reaper } from '@switchyard/process';
import type { VersioningBehavior } from '@temporalio/common';
import type { ActivityFunction } from './activity.js';
import type { Variables } from './config/variable.js';
import type { ProcessContext, ProcessDefinition } from './run-process.js';

/** What every part of a worker is given. */
export interface WorkerContext<V extends Variables = Variables> extends ProcessContext<V> {
  readonly taskQueue: string;
  /** Ends programs if this worker dies. Started at first use: a worker that runs no programs has none. */
  readonly reaper: Reaper;
}

/** What the activities of a worker are given: the context, and what its app has opened. */
export type ActivityContext<R, V extends Variables = Variables> = WorkerContext<V> & { readonly resources: R };

/** One worker: its queue, its workflows, its activities, and how it ends. */
export interface WorkerDefinition<R, V extends Variables> extends ProcessDefinition<V> {
  readonly taskQueue: string;
  /** The built workflow bundle. Absent: the worker runs activities only. */
  readonly workflowBundle?: URL | string;
  /**
   * A further queue that the same process serves, with the same activities: for work that needs the same connections and
   * differs only in where it may be done. Each queue has the slots below for itself.
   */
  readonly also?: {
    readonly taskQueue: string;
    readonly workflowBundle?: URL | string;
  };
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

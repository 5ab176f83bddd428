import type { AppliedObject, KubernetesInput, RunRef } from '@switchyard/contracts';
import type { Identity } from '../manifests/identity.js';

/** Input of every activity of this worker. */
export interface KubernetesCall {
  readonly ref: RunRef;
  readonly input: KubernetesInput;
  /** When the run began, ISO 8601: what was changed since then was changed by it. */
  readonly startedAt: string;
}

export interface Applied {
  readonly objects: readonly AppliedObject[];
  readonly manifestDigest: string;
}

/** The activities of kubernetes-queue. */
export interface KubernetesActivities {
  /** Lets the API server judge all objects, then applies them in order. */
  applyObjects(call: KubernetesCall): Promise<Applied>;
  /** Deletes what was applied as part of the set before and is not in it any more. */
  pruneObjects(call: KubernetesCall & { readonly keep: readonly Identity[] }): Promise<readonly AppliedObject[]>;
  /** Deletes the objects, last applied first. */
  deleteObjects(call: KubernetesCall): Promise<Applied>;
  /** Resolves when all are ready. */
  awaitReady(call: KubernetesCall & { readonly objects: readonly Identity[] }): Promise<void>;
  /** Resolves when none is there any more. */
  awaitGone(call: KubernetesCall & { readonly objects: readonly Identity[] }): Promise<void>;
}

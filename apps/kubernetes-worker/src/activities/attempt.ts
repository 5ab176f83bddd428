import type { ApiClient } from '../cluster/api-client.js';
import type { Identity } from '../manifests/identity.js';
import type { KubernetesCall } from '../workflows/activities.js';

/** What one attempt of an activity works with. */
export interface Attempt<C extends KubernetesCall = KubernetesCall> {
  readonly api: ApiClient;
  /** With the number of the attempt, from 1, and when the first one was to begin, as milliseconds of the epoch. */
  readonly call: C & { readonly attempt: number; readonly waitingSince: number };
  readonly roots: readonly string[];
  /** Aborted by a cancel, and when the worker has to end. */
  readonly signal: AbortSignal;
  readonly tell: (type: string, about: Identity, message: string) => Promise<void>;
  /** Per cent, and one line for people. */
  readonly progress: (percent: number, detail: string) => void;
}

import { completeResources, resourcesOf, startResources, type Db } from '@switchyard/store';
import type { RunRef } from '@switchyard/contracts';

/** One effect of one run. */
export interface EffectRef {
  readonly run: RunRef;
  /** `<execution>/<path>`, see IntegrationCall. */
  readonly effect: string;
  /** What kind of effect: `ticket`, `message`. One step may have several of different kinds. */
  readonly kind: string;
}

/** What is known of an effect. */
export interface EffectEntry {
  /** `started`: an attempt began it, and nobody knows whether it got through. `failed`: it surely did not. */
  readonly state: 'started' | 'completed' | 'failed';
  readonly attempt: number;
  readonly startedAt: Date;
  /** Of a completed one: what the service answered, as it was stored. */
  readonly answer: unknown;
}

/** Where effects are written down before they are brought about, and after. */
export interface EffectLedger {
  readonly find: (ref: EffectRef) => Promise<EffectEntry | undefined>;
  /** @returns whether this attempt is the one that may go on: of two that begin at once it is one */
  readonly begin: (ref: EffectRef, attempt: number) => Promise<boolean>;
  readonly end: (
    ref: EffectRef,
    attempt: number,
    ending: { readonly state: 'completed' | 'failed'; readonly id?: string; readonly answer: unknown },
  ) => Promise<void>;
}

/** The ledger in the store: an effect is a resource of its execution, found by the path of its step. */
export function storeLedger(db: Db): EffectLedger {
  return {
    async find(ref) {
      const { executionId, address } = placeOf(ref);
      const rows = await resourcesOf(db, { executionId, address });
      const row = rows.find(({ action }) => action === ref.kind);
      if (!row) return undefined;
      const answer: unknown = row.message === null ? null : JSON.parse(row.message);
      return { state: row.state, attempt: row.attempt, startedAt: new Date(row.startedAt), answer };
    },
    async begin(ref, attempt) {
      const { executionId, address } = placeOf(ref);
      const { runId, workflowId } = ref.run;
      const resources = [{ address, action: ref.kind }];
      return (await startResources(db, { executionId, runId, workflowId, attempt, resources })) === 1;
    },
    async end(ref, attempt, { state, id, answer }) {
      const { executionId, address } = placeOf(ref);
      const message = JSON.stringify(answer ?? null);
      const result = { address, action: ref.kind, state, message, ...(id === undefined ? {} : { resourceId: id }) };
      await completeResources(db, { executionId, attempt, results: [result] });
    },
  };
}

/** An effect begins with the execution that it belongs to, which outlives the child workflows that work for it. */
function placeOf({ effect, run }: EffectRef): { executionId: string; address: string } {
  const slash = effect.indexOf('/');
  return slash < 1
    ? { executionId: run.executionId, address: effect }
    : { executionId: effect.slice(0, slash), address: effect.slice(slash + 1) };
}

import {
  finishHosts,
  hostsOf,
  latestExecution,
  listArtifacts,
  readEvents,
  snapshotHosts,
  snapshotOf,
  startHosts,
  type ArtifactDigest,
  type ArtifactRef,
  type Store,
} from '@switchyard/store';
import type { AnsibleDeps, HostLedger, InputStore, InventoryStore } from './ports.js';

/** The host ledger in Switchyard's own tables. */
export function storeLedger({ db }: Pick<Store, 'db'>): HostLedger {
  return {
    async snapshot(ref, inventoryDigest, hosts) {
      await snapshotHosts(db, { ...ref, inventoryDigest, hosts });
    },
    async read(executionId) {
      const snapshot = await snapshotOf(db, { executionId });
      if (!snapshot) return undefined;
      return { inventoryDigest: snapshot.inventoryDigest, hosts: await hostsOf(db, { executionId }) };
    },
    start: (executionId, hosts, batch, attempt) => startHosts(db, { executionId, hosts, batch, attempt }),
    async finish(executionId, results) {
      await finishHosts(db, { executionId, results });
    },
    latest: (runId) => latestExecution(db, { runId }),
  };
}

/** Events in one question. */
const EVENTS_PAGE = 1_000;

/** The events of a run in Switchyard's own tables. */
export function storedEvents({ db }: Pick<Store, 'db'>): AnsibleDeps['eventsOf'] {
  return async function* ({ runId, workflowId }, types) {
    let after = 0;
    for (;;) {
      // Each page begins behind the one before.
      // oxlint-disable-next-line no-await-in-loop
      const page = await readEvents(db, { runId, workflowId, types, after, limit: EVENTS_PAGE });
      yield* page;
      after = page.at(-1)?.seq ?? after;
      if (page.length < EVENTS_PAGE) return;
    }
  };
}

const KIND = 'ansible-input';

/** A round over all hosts has `#2` behind its execution id; the input is that of the execution. */
const nameOf = (executionId: string): string => executionId.split('#', 1)[0] ?? executionId;

/** Inputs as artifacts: encrypted, because inventories hold what people put into them. */
export function storeInputs(store: Pick<Store, 'db' | 'putArtifact' | 'readArtifact'>): InputStore {
  return {
    async keep(ref, input) {
      const content = JSON.stringify(input);
      const name = nameOf(ref.executionId);
      await store.putArtifact({ runId: ref.runId, kind: KIND, name, contentType: 'application/json', content });
    },
    async find(runId, executionId) {
      const kept = await listArtifacts(store.db, { runId });
      const found = kept.findLast(({ kind, name }) => kind === KIND && name === nameOf(executionId));
      return found && (JSON.parse((await store.readArtifact({ digest: found.digest })).toString('utf8')) as unknown);
    },
  };
}

const INVENTORY_KIND = 'ansible-inventory';

/** Inventories as artifacts. The answer of a source belongs to no run: a name made of the source stands in its place. */
export function storeInventories(store: Pick<Store, 'db' | 'putArtifact' | 'readArtifact'>): InventoryStore {
  const read = async (digest: string): Promise<unknown> =>
    JSON.parse((await store.readArtifact({ digest })).toString('utf8')) as unknown;
  const put = (runId: string, name: string, value: unknown): Promise<ArtifactDigest> =>
    store.putArtifact({
      runId,
      kind: INVENTORY_KIND,
      name,
      contentType: 'application/json',
      content: JSON.stringify(value),
    });
  const newest = async (runId: string, isWanted: (name: string) => boolean): Promise<ArtifactRef | undefined> =>
    (await listArtifacts(store.db, { runId })).findLast(({ kind, name }) => kind === INVENTORY_KIND && isWanted(name));
  return {
    async frozen(ref) {
      const found = await newest(ref.runId, (name) => name === nameOf(ref.executionId));
      return found && (await read(found.digest));
    },
    async freeze(ref, inventories) {
      await put(ref.runId, nameOf(ref.executionId), inventories);
    },
    async cached(source) {
      const found = await newest(`inventory:${source}`, () => true);
      return found && { answer: await read(found.digest), digest: found.digest, at: found.name };
    },
    // The name is the time: an equal answer of later is younger, although its bytes are stored already.
    cache: async (source, answer, at) => (await put(`inventory:${source}`, at, answer)).digest,
  };
}

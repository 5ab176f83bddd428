import {
  finishHosts,
  hostsOf,
  latestExecution,
  listArtifacts,
  snapshotHosts,
  snapshotOf,
  startHosts,
  type Store,
} from '@switchyard/store';
import type { HostLedger, InputStore } from './ports.js';

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

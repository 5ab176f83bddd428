import type { RunRef } from '@switchyard/contracts';
import { acquireLocks, releaseLocks, waitForLocks } from '@switchyard/store';
import { showTable, type Change, type Shape } from '@switchyard/schema-change';
import type { Call } from '../call.js';
import { backfillTable } from '../change/backfill/backfill.js';
import { changeWork, ownerOf, type ChangeWork } from '../change/call.js';
import type { ChangeActivities, ChangeCall, DualWriteCall, FlagCall } from '../change/contract.js';
import {
  addConstraints,
  dropConstraints,
  makeNewColumnsNotNull,
  relaxNewColumns,
  restrictOldColumns,
} from '../change/ddl/constraints.js';
import { dropNewShape, dropOldColumn, findLeftovers, removeControl } from '../change/ddl/contract.js';
import { expandSchema } from '../change/ddl/expand.js';
import { buildIndexes, dropIndexes } from '../change/ddl/indexes.js';
import { observeGate } from '../change/gates/observe-gate.js';
import { planSchemaChange } from '../change/plan/plan-change.js';
import { mendRows } from '../change/proof/mend-rows.js';
import { proveParity } from '../change/proof/prove-parity.js';
import { waitForCatchup } from '../change/proof/wait-for-catchup.js';
import { ensureMigrationWorker } from '../change/stream-worker.js';
import {
  disableOldReads,
  setReadFlag,
  setWriteFlag,
  verifyReadParity,
  waitForServices,
} from '../change/switch/flags.js';
import { settle } from '../change/switch/settle.js';
import type { Dependencies } from './dependencies.js';

/** Runs the work of one call: with heartbeats, and with its events stored before it answers. */
export type InCall = <I extends { readonly ref: RunRef; readonly step: string }, R>(
  work: (deps: Dependencies, input: I, call: Call) => Promise<R>,
) => (input: I) => Promise<R>;

interface OfChange {
  readonly change: Change;
  readonly shape?: Shape;
}

/** The activities of a schema change. */
export function createChangeActivities(deps: Dependencies, inCall: InCall): ChangeActivities {
  const as = <I extends ChangeCall | (OfChange & { ref: RunRef; step: string }), R>(
    work: (work: ChangeWork, input: I) => Promise<R>,
  ): ((input: I) => Promise<R>) =>
    inCall(async (_, input: I, call) => {
      const shape = 'shape' in input ? (input.shape ?? null) : null;
      return work(await changeWork(deps, call, { change: input.change, shape }), input);
    });
  return {
    planSchemaChange: as(planSchemaChange),
    lockTable: as(lockTable),
    unlockTable: async ({ ref, lock }) => {
      await releaseLocks(deps.store.db, { owner: ownerOf(ref), names: [lock] });
    },
    expandSchema: as(expandSchema),
    ensureMigrationWorker: as(ensureMigrationWorker),
    waitForCatchup: as(waitForCatchup),
    backfillTable: as(backfillTable),
    buildIndexes: as(buildIndexes),
    addConstraints: as(addConstraints),
    proveParity: as(proveParity),
    mendRows: as(mendRows),
    enableReadFlag: as(setReadFlag),
    enableDualWriteFlag: as((work, input: DualWriteCall) =>
      setWriteFlag(work, input, input.prefer === 'new' ? 'both-prefer-new' : 'both'),
    ),
    disableOldWrites: as((work, input: FlagCall) => setWriteFlag(work, input, 'new')),
    enableOldWrites: as((work, input: FlagCall) => setWriteFlag(work, input, 'old')),
    waitForServices: as(waitForServices),
    verifyReadParity: as(verifyReadParity),
    settle: as(settle),
    makeNewColumnsNotNull: as(makeNewColumnsNotNull),
    observeGate: as(observeGate),
    disableOldReads: as(disableOldReads),
    dropOldColumn: as(dropOldColumn),
    relaxNewColumns: as(relaxNewColumns),
    restrictOldColumns: as(restrictOldColumns),
    dropIndexes: as(dropIndexes),
    dropConstraints: as(dropConstraints),
    dropNewShape: as(dropNewShape),
    removeControl: as(removeControl),
    findLeftovers: as(findLeftovers),
  };
}

/** One change of a table at a time: two would expand, fill and drop each other's columns. */
async function lockTable(
  { deps, connection, signal }: ChangeWork,
  { ref, change, waits }: ChangeCall & { readonly waits: boolean },
): Promise<{ readonly lock: string; readonly isAcquired: boolean }> {
  const { host, port, database } = connection;
  const name = `schema-change:${host}:${port}/${database}:${showTable(change.source)}`;
  const wanted = {
    names: [name],
    owner: ownerOf(ref),
    reason: `schema change ${change.name}`,
    isRunOpen: deps.isRunOpen,
  };
  if (!waits) return { lock: name, isAcquired: (await acquireLocks(deps.store.db, wanted)).isAcquired };
  await waitForLocks(deps.store.db, { ...wanted, signal });
  return { lock: name, isAcquired: true };
}

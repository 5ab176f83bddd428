import type { EventName, Reached } from '@switchyard/schema-change';
import type { Changing } from '../changing.js';
import { clean, close, coolDown, drop } from './contract.js';
import { connect, expand, preflight } from './expand.js';
import { fill, index } from './fill.js';
import { gate } from './gate.js';
import { catchUp, prove } from './prove.js';
import { dualWrite, enforce, reverse, switchReads, switchWrites } from './switch.js';

/** The work of one state; gives what it came to. */
export type StateWork = (changing: Changing, step: string) => Promise<EventName>;

/** The work of every state of the machine. */
export const WORK: Readonly<Record<Reached, StateWork>> = {
  preflight,
  expanding: expand,
  connecting: connect,
  backfilling: fill,
  indexing: index,
  proving: async (changing, step) => {
    const { maxLagSeconds, minStableSeconds } = changing.change.gates;
    changing.proofs = 0;
    await catchUp(changing, step, { maxLagSeconds, minStableSeconds });
    await prove(changing, step);
    return 'done';
  },
  cutoverGate: (changing, step) => gate(changing, 'cutover', step),
  switchingReads: switchReads,
  dualWriting: dualWrite,
  enforcing: enforce,
  reversing: reverse,
  switchingWrites: switchWrites,
  coolingDown: coolDown,
  contractGate: (changing, step) => gate(changing, 'contract', step),
  closing: close,
  dropping: drop,
  cleaning: clean,
};

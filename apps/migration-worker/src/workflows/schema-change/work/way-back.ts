import type { StreamMode } from '@switchyard/contracts';
import type { AbortActionName } from '@switchyard/schema-change';
import { fail } from '@switchyard/workflow-kit';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { ABORT_STEP } from '../steps.js';
import { nothingLeft } from './contract.js';
import { ONE_BARRIER } from './prove.js';
import { flip } from './switch.js';

const step = ABORT_STEP;

/** The work of each action of an abort plan. Every one is safe to repeat. */
export const UNDO: Readonly<Record<AbortActionName, (changing: Changing) => Promise<unknown>>> = {
  // Some writers leave the old shape out until the last one has followed, so that the new one stays right.
  'writes-to-both': (changing) =>
    flip(changing, {
      step,
      flag: 'write',
      set: (known) => calls.short.enableDualWriteFlag({ ...changing.call(step), known, prefer: 'new' }),
    }),
  'carry-back': carryBack,
  'reads-to-old': (changing) =>
    flip(changing, {
      step,
      flag: 'read',
      set: (known) => calls.short.enableReadFlag({ ...changing.call(step), known, percent: 0 }),
    }),
  'relax-new': (changing) => calls.short.relaxNewColumns(changing.call(step)),
  'restrict-old': (changing) => calls.short.restrictOldColumns({ ...changing.call(step), relaxed: changing.relaxed }),
  'writes-to-old': async (changing) => {
    await forwardAgain(changing);
    await flip(changing, {
      step,
      flag: 'write',
      set: (known) => calls.short.enableOldWrites({ ...changing.call(step), known }),
    });
  },
  'stop-stream': async ({ stream }) => {
    await stream?.stop();
    if (stream?.failure) throw fail('CompensationFailed', `the stream could not end: ${stream.failure.message}`);
  },
  'drop-indexes': (changing) => calls.short.dropIndexes(changing.call(step)),
  'drop-constraints': (changing) => calls.short.dropConstraints(changing.call(step)),
  'drop-new-shape': (changing) => calls.short.dropNewShape(changing.call(step)),
  'drop-control': (changing) => calls.short.removeControl(changing.call(step)),
  verify: (changing) => nothingLeft(changing.call(step), 'aborted'),
};

/** Makes the old columns hold what was written meanwhile. Where the stream is gone, another one is made for it. */
async function carryBack(changing: Changing): Promise<void> {
  const mode: StreamMode = { direction: 'reverse', relation: 'consistent' };
  if (changing.stream && !changing.stream.isAlive) await changing.startStream(step, mode);
  const input = { ...changing.unguarded(step), mode };
  await changing.withStream(() => calls.long.waitForCatchup({ ...input, ...ONE_BARRIER }));
  await calls.long.mendRows(input);
  const proof = await calls.long.proveParity(input);
  changing.parity.push(proof);
  if (proof.differing > 0) throw fail('ParityMismatch', `${proof.differing} rows could not be carried back`, proof);
}

/** Before writers write the old shape alone again: a stream in reverse would put it back to what the new one holds. */
async function forwardAgain(changing: Changing): Promise<void> {
  const { stream } = changing;
  const mode: StreamMode = { direction: 'forward', relation: 'filled' };
  if (!stream?.isAlive || stream.mode.direction === 'forward') return;
  await stream.turn(mode);
  await changing.withStream(() => calls.long.waitForCatchup({ ...changing.unguarded(step), mode, ...ONE_BARRIER }));
}

import type { EventName } from '@switchyard/schema-change';
import { patched, sleep } from '@temporalio/workflow';
import type { FlagSet } from '../../../change/contract.js';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { catchUp, closely, prove, turnStream } from './prove.js';

/** Readers go to the new shape, a part of them at a time; what they read twice must be the same. */
export async function switchReads(changing: Changing, step: string): Promise<EventName> {
  const { run, change } = changing;
  const { readFlag, rollout } = change.switch;
  if (readFlag === undefined) return 'done';
  for (const percent of rollout) {
    run.step(step).progress(percent === 100 ? 90 : percent, `${percent} %`);
    const set: Flip['set'] = (known) => calls.short.enableReadFlag({ ...changing.call(step), known, percent });
    // oxlint-disable-next-line no-await-in-loop -- one step of the rollout after the other
    const flag = await flip(changing, { step, flag: 'read', set });
    // oxlint-disable-next-line no-await-in-loop
    await changing.patient(step, () => calls.short.verifyReadParity({ ...changing.call(step), flag }));
    // oxlint-disable-next-line no-await-in-loop -- a pause point between two steps of the rollout
    await run.checkpoint();
  }
  return 'done';
}

/** Writers write both shapes; from here on each row is right by itself, and the stream only mends. */
export async function dualWrite(changing: Changing, step: string): Promise<EventName> {
  await turnStream(changing, step);
  await flip(changing, {
    step,
    flag: 'write',
    set: (known) => calls.short.enableDualWriteFlag({ ...changing.call(step), known, prefer: 'old' }),
  });
  await catchUp(changing, step, closely(changing));
  await prove(changing, step);
  return 'done';
}

/** NOT NULL on the new columns, and off the old ones. */
export async function enforce(changing: Changing, step: string): Promise<EventName> {
  changing.definition = await changing.patient(step, () =>
    calls.short.makeNewColumnsNotNull({ ...changing.guarded(step), relaxed: changing.relaxed }),
  );
  return 'done';
}

/**
 * From here on the stream keeps the old columns true to the new ones: the way back. Readers hear of it before the first
 * writer may leave the old shape out: one that went by the old shape then would give what was written before.
 */
export async function reverse(changing: Changing, step: string): Promise<EventName> {
  await turnStream(changing, step);
  if (patched('prefer-new-shape')) {
    await flip(changing, {
      step,
      flag: 'write',
      set: (known) => calls.short.enableDualWriteFlag({ ...changing.call(step), known, prefer: 'new' }),
    });
  }
  return 'done';
}

/** Writers write the new shape alone. */
export async function switchWrites(changing: Changing, step: string): Promise<EventName> {
  await flip(changing, {
    step,
    flag: 'write',
    set: (known) => calls.short.disableOldWrites({ ...changing.call(step), known }),
  });
  await catchUp(changing, step, closely(changing));
  await prove(changing, step);
  return 'done';
}

/** A flag to be set. */
export interface Flip {
  readonly step: string;
  readonly flag: 'read' | 'write';
  /** Is told the version that the run set last. */
  readonly set: (known: number | null) => Promise<FlagSet>;
}

/** Sets a flag, waits until every service uses it, and until what began under the old one is over. */
export async function flip(changing: Changing, { step, flag: which, set }: Flip): Promise<FlagSet> {
  const { services, settle, readFlag, writeFlag } = changing.change.switch;
  if ((which === 'read' ? readFlag : writeFlag) === undefined) return { key: '', version: 0 };
  const known = changing.flags[which]?.version ?? null;
  const flag = await changing.patient(step, () => set(known));
  changing.flags = { ...changing.flags, [which]: flag };
  if (services.length > 0) {
    await changing.patient(step, () => calls.short.waitForServices({ ...changing.call(step), flag }));
  } else {
    await changing.run.waitFor({ kind: 'condition', name: 'settle' }, () => sleep(settle));
  }
  // A reader decides nothing that stays.
  if (which === 'write') await changing.patient(step, () => calls.short.settle(changing.call(step)));
  return flag;
}

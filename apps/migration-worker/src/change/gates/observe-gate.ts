import { setTimeout as sleep } from 'node:timers/promises';
import { judgeGate } from '@switchyard/schema-change';
import type { ChangeWork } from '../call.js';
import type { GateInput, GateSeen } from '../contract.js';
import { lookAtGate } from './observations.js';

const LOOK_EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Looks at a gate until one of its conditions changes its state, or the time is up. So an open gate is watched closely
 * and costs no history while nothing happens.
 */
export function observeGate(work: ChangeWork, input: GateInput): Promise<GateSeen> {
  const { change, gate, known, waitMs, restMs } = input;
  return work.open('gate', async (session) => {
    const startedAt = performance.now();
    let { stableSince } = input;
    for (let pause = LOOK_EVERY_MS; ; pause = Math.min(1.2 * pause, LONGEST_PAUSE_MS)) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const look = await lookAtGate(work, session, { ...input, stableSince });
      ({ stableSince } = look);
      const conditions = judgeGate(gate, change, look.observations);
      const states = conditions.map(({ name, state }) => `${name}: ${state}`);
      const isOther = states.join('\n') !== known.join('\n');
      const elapsed = performance.now() - startedAt;
      if ((isOther && elapsed >= restMs) || elapsed >= waitMs) return { conditions, stableSince };
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await sleep(Math.max(1, Math.min(pause, waitMs - elapsed)), undefined, { signal: work.signal });
    }
  });
}

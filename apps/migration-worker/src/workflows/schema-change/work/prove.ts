import type { ParityProof } from '@switchyard/contracts';
import { fail } from '@switchyard/workflow-kit';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';

/** How closely the stream must follow, and for how long. */
export interface CatchUpTimes {
  readonly maxLagSeconds: number;
  readonly minStableSeconds: number;
}

/** One passed barrier, however late: the stream works in this mode. */
export const ONE_BARRIER: CatchUpTimes = { maxLagSeconds: 60, minStableSeconds: 0 };

/** After writers were told something, how closely the stream must follow before the next thing. */
const SWITCH_LAG_SECONDS = 5;
const SWITCH_STABLE_SECONDS = 60;

/** What is asked between two flips; never more than at a gate. */
export function closely({ change }: Changing): CatchUpTimes {
  const { maxLagSeconds, minStableSeconds } = change.gates;
  return {
    maxLagSeconds: Math.min(SWITCH_LAG_SECONDS, maxLagSeconds),
    minStableSeconds: Math.min(SWITCH_STABLE_SECONDS, minStableSeconds),
  };
}

export async function catchUp(changing: Changing, step: string, times: CatchUpTimes): Promise<void> {
  const { stableSince } = await changing.patient(step, () =>
    calls.long.waitForCatchup({ ...changing.guarded(step), mode: changing.mode, ...times }),
  );
  changing.stableSince = stableSince;
}

/** Turns the stream to what the machine says, and waits until it has applied something that way. */
export async function turnStream(changing: Changing, step: string): Promise<void> {
  changing.proofs = 0;
  await changing.stream?.turn(changing.mode);
  await catchUp(changing, step, ONE_BARRIER);
}

/** Parity over all rows; what differs is derived again, once. @throws ParityMismatch */
export async function prove(changing: Changing, step: string): Promise<ParityProof> {
  let proof = await takeProof(changing, step);
  if (proof.differing > 0) {
    changing.run.warn(`${proof.differing} of ${proof.rows} rows differed and are derived again`);
    await changing.patient(step, () => calls.long.mendRows({ ...changing.guarded(step), mode: changing.mode }));
    proof = await takeProof(changing, step);
  }
  if (proof.differing === 0) return proof;
  throw fail(
    'ParityMismatch',
    `${proof.differing} of ${proof.rows} rows differ, first: ${proof.keys[0]?.join('/') ?? ''}`,
    proof,
  );
}

async function takeProof(changing: Changing, step: string): Promise<ParityProof> {
  const { mode } = changing;
  const proof = await changing.patient(step, () => calls.long.proveParity({ ...changing.guarded(step), mode }));
  changing.parity.push(proof);
  changing.run.step(step).progress(100, `${proof.rows} rows compared (${proof.relation}), ${proof.differing} differ`);
  changing.proofs = proof.differing === 0 ? changing.proofs + 1 : 0;
  return proof;
}

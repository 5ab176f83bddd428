import { gateHolds, proofAgeLimit, type EventName, type GateName } from '@switchyard/schema-change';
import { CancellationScope, sleep } from '@temporalio/workflow';
import type { GateInput, GateSeen } from '../../../change/contract.js';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { titleOf } from '../steps.js';
import { workUntil } from '../work-until.js';
import { GateView, lookTimes, statesOf } from './gate-view.js';
import { prove } from './prove.js';

/** Shows a gate what is seen, proves parity again and again, and waits until people have decided. */
export async function gate(changing: Changing, name: GateName, step: string): Promise<EventName> {
  const { run, change } = changing;
  const watched = run.gates.watch({
    gate: name,
    title: name === 'cutover' ? `Switch ${titleOf(change)}` : `Drop ${dropped(changing)}`,
    policy: change.approvals[name],
    step,
  });
  const view = new GateView(watched, { name, planDigest: changing.planDigest, lines: linesOf(changing, name) });
  for (;;) {
    const scope = new CancellationScope();
    const parts = [
      () => watched.decided(),
      () => watch(changing, { name, step, view }),
      () => keepProving(changing, step),
    ].map((part) => scope.run<unknown>(part));
    try {
      // oxlint-disable-next-line no-await-in-loop -- one decision after the other
      await Promise.race(parts);
    } finally {
      scope.cancel();
      // oxlint-disable-next-line no-await-in-loop
      await CancellationScope.nonCancellable(() => Promise.allSettled(parts));
    }
    // What people saw may be a moment old: what counts is what is so now.
    // oxlint-disable-next-line no-await-in-loop
    const last = await observe(changing, { name, step }, { known: [], waitMs: 0, restMs: 0 });
    if (gateHolds(last.conditions)) return 'approved';
    view.show(last.conditions, changing.lastProof);
    run.warn(`gate ${name} was approved, and closed again before the next step: the decision is void`);
  }
}

interface Place {
  readonly name: GateName;
  readonly step: string;
}

async function watch(changing: Changing, { view, ...place }: Place & { readonly view: GateView }): Promise<never> {
  const openedAt = Date.now();
  let known: readonly string[] = [];
  for (;;) {
    const taken = changing.parity.length;
    const times = known.length === 0 ? { waitMs: 0, restMs: 0 } : lookTimes(Date.now() - openedAt);
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const look = await workUntil(
      () => observe(changing, place, { known: [...known], ...times }),
      // Another proof, which the look was not told of.
      () => changing.parity.length !== taken,
    );
    if (!look) continue;
    known = statesOf(look.result);
    view.show(look.result.conditions, changing.lastProof);
  }
}

async function observe(
  changing: Changing,
  { name, step }: Place,
  how: Pick<GateInput, 'known' | 'waitMs' | 'restMs'>,
): Promise<GateSeen> {
  const { mode, lastProof, proofs, stableSince, coolingSince, flags } = changing;
  const seen = await changing.patient(step, () =>
    calls.short.observeGate({
      ...changing.guarded(step),
      gate: name,
      mode,
      proof: lastProof,
      proofs,
      stableSince,
      coolingSince,
      flags,
      ...how,
    }),
  );
  changing.stableSince = seen.stableSince;
  return seen;
}

/** Proves parity while a gate waits: at once for the second time, then before the last proof gets old. */
async function keepProving(changing: Changing, step: string): Promise<never> {
  for (;;) {
    if (changing.proofs >= 2) {
      const { lastProof: last } = changing;
      const tookSeconds = last ? (Date.parse(last.endedAt) - Date.parse(last.startedAt)) / 1000 : 0;
      const isWhole = (last?.openWriters ?? 0) === 0;
      // oxlint-disable-next-line no-await-in-loop -- the pause between two proofs
      await sleep(isWhole ? (proofAgeLimit(changing.change, tookSeconds) * 1000) / 2 : AGAIN_MS + tookSeconds * 1000);
    }
    // oxlint-disable-next-line no-await-in-loop -- one proof after the other
    await prove(changing, step);
  }
}

/** Pause before a proof is taken again because transactions were open when the last one began. */
const AGAIN_MS = 5_000;

const dropped = ({ change }: Changing): string => change.drop.join(', ') || 'nothing';

function linesOf(changing: Changing, name: GateName): readonly string[] {
  const { readFlag, writeFlag, rollout, services } = changing.change.switch;
  const after =
    name === 'cutover'
      ? [
          readFlag === undefined ? 'no read flag' : `then ${readFlag} goes to ${rollout.join(', ')} %`,
          writeFlag === undefined ? 'no write flag' : `then ${writeFlag} goes to both, and to new`,
          services.length === 0 ? 'no service acknowledges' : `${services.join(', ')} acknowledge each step`,
        ]
      : [`then ${dropped(changing)} is dropped: the point of no return`];
  return [titleOf(changing.change), `plan ${changing.planDigest}`, ...after];
}

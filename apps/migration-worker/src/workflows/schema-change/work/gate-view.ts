import type { Condition, ParityProof } from '@switchyard/contracts';
import { gateHolds, type GateName } from '@switchyard/schema-change';
import { digestOf, type WatchedGate } from '@switchyard/workflow-kit';
import type { GateInput, GateSeen } from '../../../change/contract.js';

/** What a gate shows is what is decided on. */
export interface GateWords {
  readonly name: GateName;
  readonly planDigest: string;
  readonly lines: readonly string[];
}

/**
 * Shows a gate what was seen. The evidence names the plan and every condition with its verdict, and counts how often
 * the gate has opened: an approval that was meant for an earlier opening is not one for this.
 */
export class GateView {
  readonly #gate: WatchedGate;
  readonly #words: GateWords;
  #openings = 0;
  #held = false;

  constructor(gate: WatchedGate, words: GateWords) {
    this.#gate = gate;
    this.#words = words;
  }

  show(conditions: readonly Condition[], proof: ParityProof | null): void {
    const holds = gateHolds(conditions);
    if (holds && !this.#held) this.#openings++;
    this.#held = holds;
    this.#gate.show({
      evidence: digestOf({
        plan: this.#words.planDigest,
        gate: this.#words.name,
        opening: this.#openings,
        conditions: conditions.map(({ name, required, state }) => ({ name, required, state })),
      }),
      shown: [
        ...this.#words.lines,
        ...(proof ? [`${proof.rows} rows compared (${proof.relation}) at barrier ${proof.barrier}`] : []),
      ],
      conditions,
    });
  }
}

/** How long the next look may take, and how long it rests: closely watched at first, seldom when a gate is open for days. */
export function lookTimes(openMs: number): Pick<GateInput, 'waitMs' | 'restMs'> {
  const MINUTE_MS = 60_000;
  return {
    waitMs: Math.min(30 * MINUTE_MS, Math.max(5_000, openMs / 10)),
    restMs: Math.min(5 * MINUTE_MS, openMs / 50),
  };
}

export const statesOf = ({ conditions }: GateSeen): string[] =>
  conditions.map(({ name, state }) => `${name}: ${state}`);

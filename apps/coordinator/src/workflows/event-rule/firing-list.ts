import { EVENT_RULE_LIMITS, type Firing } from '@switchyard/contracts';

/** The last firings of a rule, newest first. */
export class FiringList {
  #firings: readonly Firing[];

  /** Runs that were under way when the rule continued as new are no longer watched: their end is not known. */
  constructor(carried: readonly Firing[] = []) {
    this.#firings = carried.map((firing) => (firing.state === 'running' ? { ...firing, state: 'unknown' } : firing));
  }

  get all(): readonly Firing[] {
    return this.#firings;
  }

  get areUnderWay(): boolean {
    return this.#firings.some(({ state }) => state === 'running');
  }

  add(firing: Firing): void {
    this.#firings = [firing, ...this.#firings].slice(0, EVENT_RULE_LIMITS.rememberedFirings);
  }

  change(number: number, change: Partial<Firing>): void {
    this.#firings = this.#firings.map((firing) => (firing.number === number ? { ...firing, ...change } : firing));
  }
}

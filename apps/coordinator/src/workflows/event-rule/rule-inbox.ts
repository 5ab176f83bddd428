import { EVENT_RULE_SIGNALS } from '@switchyard/contracts';
import { defineSignal, setHandler } from '@temporalio/workflow';

/** Events in the order in which they came, until the rule reads them. */
export class RuleInbox {
  #events: unknown[] = [];

  /** Takes the signal from here on. Before anything else of the workflow: whatever comes with its start counts too. */
  constructor() {
    setHandler(defineSignal<[unknown]>(EVENT_RULE_SIGNALS.event), (payload) => void this.#events.push(payload));
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get size(): number {
    return this.#events.length;
  }

  /** The oldest events, at most so many. */
  take(most: number): readonly unknown[] {
    return this.#events.splice(0, most);
  }
}

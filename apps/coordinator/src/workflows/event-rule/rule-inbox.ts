/** What came as an event, encoded in a way that workflows do not read. */
export class UnreadableEvent {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** Events in the order in which they came, until the rule reads them. */
export class RuleInbox {
  #events: unknown[] = [];

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get size(): number {
    return this.#events.length;
  }

  add(payload: unknown): void {
    this.#events.push(payload);
  }

  /** The oldest events, at most so many. */
  take(most: number): readonly unknown[] {
    return this.#events.splice(0, most);
  }
}

/** The inbox of this execution: each has modules of its own. It takes events before the workflow itself begins. */
export const ruleInbox = new RuleInbox();

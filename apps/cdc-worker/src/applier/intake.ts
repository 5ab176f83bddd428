import { compareKeys, identityOf, type Key } from '@switchyard/schema-change';
import type { SourceEvent } from '../source/change-source.js';

/** What was taken in and not applied yet. */
export interface Taken {
  /** Each key once, in one fixed order. */
  readonly keys: readonly Key[];
  /** Tables that were emptied. */
  readonly truncated: readonly ('source' | 'target')[];
  /** Transactions that the keys come from: all must be visible before they are applied. */
  readonly xids: readonly string[];
  /** Position up to which everything is in here; null: the end of the last transaction has not come yet. */
  readonly position: string | null;
  /** When the oldest of the transactions was committed, in milliseconds on the clock of the database. */
  readonly oldestCommit: number | null;
  /** Changes that came, repetitions counted. */
  readonly changes: number;
}

/**
 * Gathers changes until they are applied. Order, repetition and age make no difference, because every key is derived
 * from what its row holds then: so a key is kept once, however often it comes.
 */
export class Intake {
  #keys = new Map<string, Key>();
  #truncated = new Set<'source' | 'target'>();
  #xids = new Set<string>();
  #position: string | null = null;
  #oldestCommit: number | null = null;
  #changes = 0;
  /** The transaction whose end has not come yet: its later keys need its number too. */
  #open: { readonly xid: string; readonly committedAt: number } | null = null;

  /** Keys that wait. */
  get size(): number {
    return this.#keys.size;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#position === null && this.#truncated.size === 0;
  }

  /** When the oldest waiting transaction was committed. */
  get oldestCommit(): number | null {
    return this.#oldestCommit;
  }

  add(events: readonly SourceEvent[]): void {
    for (const event of events) this.#add(event);
  }

  /** Gives everything that waits, and begins anew. */
  take(): Taken {
    const taken: Taken = {
      keys: [...this.#keys.values()].toSorted(compareKeys),
      truncated: [...this.#truncated],
      xids: [...this.#xids],
      position: this.#position,
      oldestCommit: this.#oldestCommit,
      changes: this.#changes,
    };
    this.#keys = new Map();
    this.#truncated = new Set();
    this.#xids = new Set(this.#open ? [this.#open.xid] : []);
    this.#position = null;
    this.#oldestCommit = this.#open?.committedAt ?? null;
    this.#changes = 0;
    return taken;
  }

  #add(event: SourceEvent): void {
    switch (event.kind) {
      case 'begin':
        this.#open = event;
        this.#xids.add(event.xid);
        this.#oldestCommit ??= event.committedAt;
        return;
      case 'change':
        this.#changes++;
        this.#keys.set(identityOf(event.key), event.key);
        if (event.oldKey) this.#keys.set(identityOf(event.oldKey), event.oldKey);
        return;
      case 'truncate':
        this.#changes++;
        this.#truncated.add(event.table);
        // Rows of the old table that came before are gone; those of the new one follow from the old one, as before.
        if (event.table === 'source') this.#keys.clear();
        return;
      case 'commit':
        this.#open = null;
        this.#position = event.position;
        return;
      case 'idle':
        this.#position = event.position;
    }
  }
}

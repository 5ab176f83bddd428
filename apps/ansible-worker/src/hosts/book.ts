import type { RunRef } from '@switchyard/contracts';
import type { FinalHost, HostLedger, KnownHost } from '../ports.js';
import type { Tally } from '../verdict/tally.js';
import { inventoryDigestOf } from './digest.js';
import { finalHostOf, hostResultOf } from './ledger-view.js';

/** Where the rows of one process stand. */
export interface BookPlace {
  readonly ref: RunRef;
  readonly ledgerId: string;
  readonly batch: number;
  readonly attempt: number;
}

/**
 * Keeps the ledger while a process runs: the hosts as soon as they are named, and each host's end as soon as it is
 * known, so that a crash never runs a finished host again.
 */
export class Book {
  readonly #ledger: HostLedger;
  readonly #place: BookPlace;
  #waiting: FinalHost[] = [];
  #writing: Promise<void> = Promise.resolve();
  #isQueued = false;

  constructor(ledger: HostLedger, place: BookPlace) {
    this.#ledger = ledger;
    this.#place = place;
  }

  /** Writes down the hosts that the plugin named; the first time that is done for an execution holds. */
  async snapshot(tally: Tally, mayStart: boolean): Promise<void> {
    const { hosts, plan } = tally;
    if (hosts === undefined || plan === undefined || hosts.length === 0) return;
    const { ref, ledgerId, batch, attempt } = this.#place;
    await this.#ledger.snapshot({ ...ref, executionId: ledgerId }, inventoryDigestOf(hosts, plan.groups), hosts);
    if (mayStart) await this.#ledger.start(ledgerId, hosts, batch, attempt);
  }

  /** A host has ended its last task. Rows that gather while one statement runs go with the next. */
  done(host: string, tally: Tally): void {
    const counts = tally.countsOf(host);
    // It came to its end, so what failed before was rescued; the stats at the end would say the same.
    const counted = { ...counts, failed: 0, unreachable: 0, rescued: counts.failed };
    const result = hostResultOf({ state: 'ok', counts: counted });
    this.#waiting.push(finalHostOf(host, result, { ...this.#place, message: undefined }));
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#writing = this.#writing.then(() => this.#writeWaiting());
    // The error is thrown by `settle`; meanwhile it must not count as unhandled.
    this.#writing.catch(() => undefined);
  }

  /** Writes the results of all hosts, after those that are on their way. */
  async finish(hosts: Readonly<Record<string, Parameters<typeof finalHostOf>[1]>>, tally: Tally): Promise<void> {
    await this.settle();
    const results = Object.entries(hosts).map(([host, result]) => {
      const message = result.outcome === 'not-started' ? 'not started: the play ended before' : tally.reason(host);
      return finalHostOf(host, result, { ...this.#place, message });
    });
    if (results.length > 0) await this.#ledger.finish(this.#place.ledgerId, results);
  }

  /** Resolves when everything that was told so far is stored. */
  settle(): Promise<void> {
    return this.#writing;
  }

  read(): Promise<{ readonly inventoryDigest: string; readonly hosts: readonly KnownHost[] } | undefined> {
    return this.#ledger.read(this.#place.ledgerId);
  }

  async #writeWaiting(): Promise<void> {
    this.#isQueued = false;
    const results = this.#waiting;
    this.#waiting = [];
    await this.#ledger.finish(this.#place.ledgerId, results);
  }
}

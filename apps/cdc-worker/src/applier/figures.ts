import type { Claimed } from '@switchyard/change-database';

/** How a stream stands, as status, heartbeat and metrics show it. */
export interface StreamReport {
  readonly epoch: string;
  /** Position that is applied, `X/Y`. */
  readonly position: string | null;
  readonly keysPerSecond: number;
  /** Keys and rows since this attempt began. */
  readonly keys: number;
  readonly rows: number;
  readonly waitingKeys: number;
  /** Age of the oldest change that is not applied; 0 when nothing waits. */
  readonly lagSeconds: number;
  readonly lagBytes: number | null;
  /** Bytes of the log that the slot keeps. */
  readonly slotWalBytes: number | null;
  readonly slotStatus: string | null;
  /** Until the slot keeps more than it may, at the present pace; null: it does not grow. */
  readonly secondsUntilBudget: number | null;
  readonly parked: number;
  /** Transactions that had to be run again, by reason. */
  readonly retries: Readonly<Record<string, number>>;
}

/** What the database says about the log and the slot. */
export interface LogLook {
  readonly at: number;
  /** Milliseconds since 1970 on the clock of the database. */
  readonly serverNow: number;
  readonly lagBytes: number | null;
  readonly slotWalBytes: number | null;
  readonly slotStatus: string | null;
}

/** Half of what is known about a rate is older than this. */
const HALF_LIFE_MS = 5_000;

/** Gathers the figures of one stream. */
export class StreamFigures {
  readonly #budgetBytes: number;
  readonly #now: () => number;
  #epoch = '0';
  #position: string | null = null;
  #keys = 0;
  #rows = 0;
  #rate = 0;
  #rateAt: number;
  #waiting = 0;
  #oldestCommit: number | null = null;
  #parked = 0;
  #look: LogLook | undefined;
  #growth = 0;
  readonly #retries = new Map<string, number>();

  /** @param now milliseconds of a clock that only goes forward */
  constructor(budgetBytes: number, now: () => number = () => performance.now()) {
    this.#budgetBytes = budgetBytes;
    this.#now = now;
    this.#rateAt = now();
  }

  claimed({ claim, lsn }: Claimed): void {
    this.#epoch = claim.epoch;
    this.#position = lsn;
  }

  waiting(keys: number, oldestCommit: number | null): void {
    this.#waiting = keys;
    this.#oldestCommit = oldestCommit;
  }

  applied(batch: { readonly keys: number; readonly rows: number; readonly position: string | null }): void {
    const now = this.#now();
    const elapsed = Math.max(1, now - this.#rateAt);
    const weight = 1 - 0.5 ** (elapsed / HALF_LIFE_MS);
    this.#rate += weight * ((batch.keys * 1000) / elapsed - this.#rate);
    this.#rateAt = now;
    this.#keys += batch.keys;
    this.#rows += batch.rows;
    this.#waiting = Math.max(0, this.#waiting - batch.keys);
    if (batch.position === null) return;
    this.#position = batch.position;
    this.#waiting = 0;
    this.#oldestCommit = null;
  }

  parked(keys: number): void {
    this.#parked = keys;
  }

  retried(reason: string): void {
    this.#retries.set(reason, (this.#retries.get(reason) ?? 0) + 1);
  }

  looked(look: LogLook): void {
    const before = this.#look;
    if (before && before.slotWalBytes !== null && look.slotWalBytes !== null && look.at > before.at) {
      const perSecond = ((look.slotWalBytes - before.slotWalBytes) * 1000) / (look.at - before.at);
      this.#growth = (this.#growth + perSecond) / 2;
    }
    this.#look = look;
  }

  get report(): StreamReport {
    const look = this.#look;
    const kept = look?.slotWalBytes ?? null;
    const idleMs = this.#now() - this.#rateAt;
    return {
      epoch: this.#epoch,
      position: this.#position,
      keysPerSecond: Math.round(this.#rate * 0.5 ** (idleMs / HALF_LIFE_MS)),
      keys: this.#keys,
      rows: this.#rows,
      waitingKeys: this.#waiting,
      lagSeconds: this.lagSeconds,
      lagBytes: look?.lagBytes ?? null,
      slotWalBytes: kept,
      slotStatus: look?.slotStatus ?? null,
      secondsUntilBudget:
        kept === null || this.#growth <= 0 ? null : Math.max(0, Math.round((this.#budgetBytes - kept) / this.#growth)),
      parked: this.#parked,
      retries: Object.fromEntries(this.#retries),
    };
  }

  /** Age of the oldest change that waits, by the clock of the database: that of this machine may be another one. */
  get lagSeconds(): number {
    const look = this.#look;
    if (this.#oldestCommit === null || !look) return 0;
    const serverNow = look.serverNow + (this.#now() - look.at);
    return Math.max(0, Number(((serverNow - this.#oldestCommit) / 1000).toFixed(1)));
  }
}

/** A report in words: `forward, lag 0.2 s, 1,200 keys/s, slot keeps 3 MB`. */
export function describeReport(report: StreamReport, direction: string): string {
  const mb = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;
  return [
    direction,
    `lag ${report.lagSeconds} s`,
    ...(report.keysPerSecond > 0 ? [`${report.keysPerSecond} keys/s`] : []),
    ...(report.slotWalBytes === null ? [] : [`slot keeps ${mb(report.slotWalBytes)}`]),
    ...(report.secondsUntilBudget === null || report.secondsUntilBudget > 86_400
      ? []
      : [`WAL budget used up in ${report.secondsUntilBudget} s`]),
    ...(report.parked > 0 ? [`${report.parked} keys parked`] : []),
  ].join(', ');
}

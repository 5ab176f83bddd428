import { CodedError } from '@switchyard/contracts';

/** Hosts kept in mind at once. */
const MOST = 1_000;

/** Which hosts asked this worker to wait, and until when: other calls to them need not be sent to be refused. */
export class HostPauses {
  readonly #until = new Map<string, number>();

  /** Notes that a host asked to wait. A shorter time never ends a longer one. */
  note(host: string, ms: number, now: number): void {
    this.#until.set(host, Math.max(this.#until.get(host) ?? 0, now + ms));
    for (const [known, until] of this.#until) if (until <= now) this.#until.delete(known);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= MOST) break;
      this.#until.delete(oldest);
    }
  }

  /**
   * Goes on when the host did not ask to wait.
   * @throws CodedError UpstreamFailed, to be tried again when the time is over; nothing was sent
   */
  check(host: string, now: number): void {
    const left = (this.#until.get(host) ?? 0) - now;
    if (left <= 0) return;
    throw new CodedError(
      'UpstreamFailed',
      `${host} asked to wait ${Math.ceil(left / 1_000)} s longer; nothing was sent`,
      {
        details: { retryAfterMs: left, hadEffect: false },
      },
    );
  }
}

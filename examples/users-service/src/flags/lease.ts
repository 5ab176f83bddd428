/** One moment by two clocks. */
export interface Moment {
  /** This process's own: it goes on while the process is stopped. */
  readonly monotonicMs: number;
  /** The database's, in milliseconds since 1970. */
  readonly databaseMs: number;
}

/** The right to serve, granted by the gateway for some seconds with each report. */
export interface Lease {
  /** Renews it, counted from a moment before the flags of the report were evaluated. */
  renew(from: Moment, leaseMs: number): void;
  isHeld(): boolean;
  /** @throws LeaseLostError */
  assertHeld(): void;
  /** Its end by the database's clock. Every write carries it, and the database refuses a write that comes later. */
  databaseEnd(): number;
}

/** The instance must not serve: nobody knows any more which flags it goes by. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** A lease that is not held yet. */
export function createLease(): Lease {
  let monotonicEnd = Number.NEGATIVE_INFINITY;
  let databaseEnd = Number.NEGATIVE_INFINITY;
  const isHeld = (): boolean => performance.now() < monotonicEnd;
  return {
    renew({ monotonicMs, databaseMs }, leaseMs) {
      monotonicEnd = monotonicMs + leaseMs;
      databaseEnd = databaseMs + leaseMs;
    },
    isHeld,
    assertHeld() {
      if (!isHeld())
        throw new LeaseLostError('the lease of this instance is over; ask another one, or try again later');
    },
    databaseEnd: () => databaseEnd,
  };
}

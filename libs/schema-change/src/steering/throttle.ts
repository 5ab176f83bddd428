import type { ThrottleLimits } from '@switchyard/contracts';

export type GaugeName = keyof ThrottleLimits;
export const GAUGES = [
  'replicaLagSeconds',
  'slotWalBytes',
  'lockWaiters',
  'longestTransactionSeconds',
  'writerLatencyMs',
  'diskFreeBytes',
  'autovacuumRunning',
] as const satisfies readonly GaugeName[];

/** A reading; `at` in milliseconds of the same clock as `now`. */
export interface Reading {
  readonly value: number;
  readonly at: number;
}

export type Readings = Readonly<Partial<Record<GaugeName, Reading>>>;

/** Why the backfill does not go on, as status shows it. */
export interface ThrottleReason {
  readonly gauge: GaugeName;
  readonly kind: 'over' | 'under' | 'missing' | 'stale';
  readonly observed: number | null;
  readonly limit: number;
  readonly message: string;
}

export interface ThrottleDecision {
  readonly go: boolean;
  readonly reasons: readonly ThrottleReason[];
}

/** A reading that is older says nothing about now. */
export const STALE_MS = 15_000;
/** A gauge that stopped the backfill must come this far below its limit, so that it does not flutter. */
const RELEASE = 0.8;

/**
 * Whether the next chunk may run. Fails closed: a gauge that has a limit and no fresh reading stops as well.
 * `stoppedBy` are the gauges of the decision before, for which the lower mark counts.
 */
export function throttle(options: {
  readonly limits: ThrottleLimits;
  readonly readings: Readings;
  readonly now: number;
  readonly stoppedBy?: readonly GaugeName[];
}): ThrottleDecision {
  const reasons = GAUGES.flatMap((gauge) => {
    const limit = options.limits[gauge];
    if (limit === null) return [];
    return judge(gauge, limit, options.readings[gauge], options.now, options.stoppedBy?.includes(gauge) ?? false);
  });
  return { go: reasons.length === 0, reasons };
}

const WORDS: Readonly<Record<GaugeName, string>> = {
  replicaLagSeconds: 'replica lag in seconds',
  slotWalBytes: 'WAL kept for the slot in bytes',
  lockWaiters: 'sessions waiting for a lock on the table',
  longestTransactionSeconds: 'age of the oldest transaction in seconds',
  writerLatencyMs: 'time of a probing commit in milliseconds',
  diskFreeBytes: 'free disk space in bytes',
  autovacuumRunning: 'autovacuum workers on the table',
};

function judge(
  gauge: GaugeName,
  limit: number,
  reading: Reading | undefined,
  now: number,
  wasStopped: boolean,
): ThrottleReason[] {
  const reason = (kind: ThrottleReason['kind'], observed: number | null, message: string): ThrottleReason[] => [
    { gauge, kind, observed, limit, message: `${WORDS[gauge]}: ${message}` },
  ];
  if (!reading || !Number.isFinite(reading.value)) return reason('missing', null, 'could not be read');
  if (now - reading.at > STALE_MS) {
    return reason('stale', reading.value, `last read ${Math.round((now - reading.at) / 1000)} s ago`);
  }
  // The one gauge of which more is better.
  if (gauge === 'diskFreeBytes') {
    const floor = wasStopped ? limit / RELEASE : limit;
    return reading.value < floor ? reason('under', reading.value, `${reading.value}, at least ${floor} wanted`) : [];
  }
  const ceiling = wasStopped ? limit * RELEASE : limit;
  return reading.value > ceiling ? reason('over', reading.value, `${reading.value}, at most ${ceiling} wanted`) : [];
}

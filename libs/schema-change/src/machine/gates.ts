import { formatDuration, type Condition } from '@switchyard/contracts';
import type { Change } from '../spec/change.js';

export const GATES = ['cutover', 'contract'] as const;
export type GateName = (typeof GATES)[number];

/** What was seen, when and by what. A missing one is `unknown`, which counts as fail. */
export interface Observation {
  readonly value: number | boolean;
  readonly source: string;
  /** ISO 8601. */
  readonly at: string;
  /** Words for people beside the value, such as which transaction is open. */
  readonly detail?: string;
}

/** What the conditions of the gates look at. */
export const OBSERVATIONS = [
  'differingRows',
  'unprovedRows',
  'parityAgeSeconds',
  'parityTookSeconds',
  'parityProofs',
  'barrierAgeSeconds',
  'stableSeconds',
  'slotHealthy',
  'lockWaiters',
  'openWriters',
  'invalidIndexes',
  'driftedColumns',
  'backupAgeMs',
  'laggardReaders',
  'laggardWriters',
  'parkedKeys',
  'coolDownMs',
  'dependents',
] as const;
export type ObservationName = (typeof OBSERVATIONS)[number];
export type Observations = Readonly<Partial<Record<ObservationName, Observation>>>;

/** One condition as data: what it looks at, its limit, and its words. */
export interface GateCondition {
  readonly name: string;
  readonly observes: ObservationName;
  readonly gates: readonly GateName[];
  readonly test: 'at most' | 'at least' | 'is true';
  /** Null: this change does not ask for it. */
  readonly limit: (change: Change, seen: Observations) => number | null;
  readonly unit: 'rows' | 'seconds' | 'duration' | 'count' | 'yes or no';
}

/**
 * Seconds after which a proof of parity is too old to decide on. A large table is proved again and again while a gate
 * waits; the next proof must have time to come.
 */
export const proofAgeLimit = ({ gates }: Pick<Change, 'gates'>, tookSeconds: number): number =>
  Math.max(300, 2 * gates.minStableSeconds, 3 * tookSeconds);

const both = GATES;
const none = (): number => 0;

/** Every condition of every gate. The order is the order in which a person reads them. */
export const GATE_CONDITIONS: readonly GateCondition[] = [
  { name: 'rows that differ', observes: 'differingRows', gates: both, test: 'at most', limit: none, unit: 'rows' },
  { name: 'rows not compared', observes: 'unprovedRows', gates: both, test: 'at most', limit: none, unit: 'rows' },
  { name: 'parked keys', observes: 'parkedKeys', gates: both, test: 'at most', limit: none, unit: 'count' },
  {
    name: 'age of the parity proof',
    observes: 'parityAgeSeconds',
    gates: both,
    test: 'at most',
    limit: (change, seen) => proofAgeLimit(change, Number(seen.parityTookSeconds?.value ?? 0)),
    unit: 'seconds',
  },
  {
    name: 'proofs of parity, one after the other',
    observes: 'parityProofs',
    gates: both,
    test: 'at least',
    limit: () => 2,
    unit: 'count',
  },
  {
    name: 'age of the last passed barrier',
    observes: 'barrierAgeSeconds',
    gates: both,
    test: 'at most',
    limit: ({ gates }) => gates.maxLagSeconds,
    unit: 'seconds',
  },
  {
    name: 'time without a late barrier',
    observes: 'stableSeconds',
    gates: both,
    test: 'at least',
    limit: ({ gates }) => gates.minStableSeconds,
    unit: 'seconds',
  },
  { name: 'slot is healthy', observes: 'slotHealthy', gates: both, test: 'is true', limit: none, unit: 'yes or no' },
  {
    name: 'sessions waiting for a lock',
    observes: 'lockWaiters',
    gates: both,
    test: 'at most',
    limit: none,
    unit: 'count',
  },
  {
    name: 'open transactions older than the barrier that wrote the table',
    observes: 'openWriters',
    gates: both,
    test: 'at most',
    limit: none,
    unit: 'count',
  },
  {
    name: 'indexes that are not valid',
    observes: 'invalidIndexes',
    gates: both,
    test: 'at most',
    limit: ({ indexes }) => (indexes.length ? 0 : null),
    unit: 'count',
  },
  {
    name: 'columns that others changed',
    observes: 'driftedColumns',
    gates: both,
    test: 'at most',
    limit: none,
    unit: 'count',
  },
  {
    name: 'age of the backup',
    observes: 'backupAgeMs',
    gates: both,
    test: 'at most',
    limit: ({ gates }) => gates.maxBackupAge ?? null,
    unit: 'duration',
  },
  {
    name: 'services that still read the old shape',
    observes: 'laggardReaders',
    gates: ['contract'],
    test: 'at most',
    limit: ({ switch: { services } }) => (services.length ? 0 : null),
    unit: 'count',
  },
  {
    name: 'services that still write the old shape',
    observes: 'laggardWriters',
    gates: ['contract'],
    test: 'at most',
    limit: ({ switch: { services } }) => (services.length ? 0 : null),
    unit: 'count',
  },
  {
    name: 'cool-down',
    observes: 'coolDownMs',
    gates: ['contract'],
    test: 'at least',
    limit: ({ gates }) => gates.coolDown,
    unit: 'duration',
  },
  {
    name: 'objects that use the old columns',
    observes: 'dependents',
    gates: ['contract'],
    test: 'at most',
    limit: ({ drop }) => (drop.length ? 0 : null),
    unit: 'count',
  },
];

/** Judges a gate: one line for each condition that the change asks for. Nothing is assumed for what was not seen. */
export function judgeGate(gate: GateName, change: Change, seen: Observations): readonly Condition[] {
  return GATE_CONDITIONS.filter((condition) => condition.gates.includes(gate)).flatMap((condition) => {
    const limit = condition.limit(change, seen);
    return limit === null ? [] : [judge(condition, limit, seen[condition.observes])];
  });
}

/** Whether a gate may be approved. */
export const gateHolds = (conditions: readonly Condition[]): boolean =>
  conditions.length > 0 && conditions.every(({ state }) => state === 'pass');

function judge(condition: GateCondition, limit: number, seen: Observation | undefined): Condition {
  const required = condition.test === 'is true' ? 'yes' : `${condition.test} ${show(limit, condition.unit)}`;
  if (!seen) {
    return { name: condition.name, required, observed: 'not seen', state: 'unknown', source: 'nobody', at: '' };
  }
  const { value, detail } = seen;
  const observed =
    (typeof value === 'boolean' ? (value ? 'yes' : 'no') : show(value, condition.unit)) +
    (detail ? ` (${detail})` : '');
  return {
    name: condition.name,
    required,
    observed,
    state: verdict(condition, limit, value),
    source: seen.source,
    at: seen.at,
  };
}

function verdict(condition: GateCondition, limit: number, value: number | boolean): Condition['state'] {
  if (condition.test === 'is true') return value === true ? 'pass' : value === false ? 'fail' : 'unknown';
  if (typeof value !== 'number' || Number.isNaN(value)) return 'unknown';
  if (condition.test === 'at most') return value <= limit ? 'pass' : 'fail';
  // What only needs time is not failed.
  return value >= limit ? 'pass' : 'pending';
}

const show = (value: number, unit: GateCondition['unit']): string =>
  unit === 'duration' ? formatDuration(value) : unit === 'seconds' ? `${Number(value.toFixed(1))} s` : String(value);

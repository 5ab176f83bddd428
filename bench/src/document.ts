import { parseArgs } from 'node:util';
import { load, machine, type Machine } from './machine.ts';

/** A bound that a figure is held against. */
export type Target = { readonly below: number } | { readonly atLeast: number };

/** One result of a benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit:
    | 'ms'
    | 's'
    | 'events/s'
    | 'events'
    | 'processes'
    | 'rows/s'
    | 'keys/s'
    | 'rows'
    | 'writes'
    | 'times'
    | 'MB'
    | 'hosts/s'
    | 'hosts'
    | '%';
  readonly target?: Target;
  /** Whether the target was met; absent without one. */
  readonly isMet?: boolean;
}

/** What a benchmark prints: one JSON document. */
export interface BenchmarkDocument {
  readonly benchmark: string;
  /** What was measured, in one sentence. */
  readonly about: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly machine: Machine;
  /** Load averages over 1, 5 and 15 minutes; `before` says how quiet the machine was. */
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly figures: readonly Figure[];
  /** Series and breakdowns behind the figures. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a benchmark gives to {@link measure}. */
export type Measured = Pick<BenchmarkDocument, 'figures' | 'details'>;

export function isMet(value: number, target: Target): boolean {
  return 'below' in target ? value < target.below : value >= target.atLeast;
}

/** A figure, held against its target where it has one. */
export function figure(name: string, value: number, unit: Figure['unit'], target?: Target): Figure {
  return { name, value, unit, ...(target === undefined ? {} : { target, isMet: isMet(value, target) }) };
}

/** Runs a benchmark and puts the facts of the machine around what it measured. */
export async function measure(
  { benchmark, about }: Pick<BenchmarkDocument, 'benchmark' | 'about'>,
  work: () => Promise<Measured>,
): Promise<BenchmarkDocument> {
  const before = load();
  const startedAt = new Date();
  const measured = await work();
  return {
    benchmark,
    about,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    machine: machine(),
    load: { before, after: load() },
    ...measured,
  };
}

/**
 * Runs a benchmark as a program: `--n` sets how often or how much it measures, `--parts` names parts of it where it has
 * some, and its document goes to standard output.
 */
export async function printBenchmark<P extends string = never>(
  benchmark: (options: { n?: number; parts?: readonly P[] }) => Promise<BenchmarkDocument>,
  known: readonly P[] = [],
): Promise<void> {
  const { values } = parseArgs({ options: { n: { type: 'string' }, parts: { type: 'string' } } });
  const n = values.n === undefined ? undefined : Number(values.n);
  if (n !== undefined && !(Number.isInteger(n) && n > 0))
    throw new RangeError(`--n ${values.n} is not a positive number`);
  const parts = values.parts?.split(',').map((name) => partOf(name, known));
  const document = await benchmark({ ...(n === undefined ? {} : { n }), ...(parts === undefined ? {} : { parts }) });
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function partOf<P extends string>(name: string, known: readonly P[]): P {
  const part = known.find((each) => each === name);
  if (part !== undefined) return part;
  throw new RangeError(
    `there is no part "${name}"; ${known.length === 0 ? 'there are none' : `there are ${known.join(', ')}`}`,
  );
}

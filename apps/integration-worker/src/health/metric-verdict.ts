import type { MetricCondition } from '@switchyard/contracts';
import type { Sample } from '../services/prometheus.js';

/** What the values of one query come to. */
export interface MetricVerdict {
  /** What is wrong; undefined when the condition holds for every series. */
  readonly fault: string | undefined;
  /** The value nearest to failing; null without series, and for one that is no finite number. */
  readonly value: number | null;
  readonly observed: string;
}

type Bounds = Pick<MetricCondition, 'above' | 'min' | 'below' | 'max' | 'equals'>;

/** Whether a condition holds for all series. No series fail it unless it says otherwise. */
export function metricVerdict(samples: readonly Sample[], condition: MetricCondition): MetricVerdict {
  const [worst] = samples.toSorted((a, b) => distance(a.value, condition) - distance(b.value, condition));
  if (!worst) {
    const observed = 'no series';
    return { fault: condition.absent === 'pass' ? undefined : observed, value: null, observed };
  }
  const observed = shown(worst);
  const broken = samples.find(({ value }) => !holds(value, condition));
  const value = Number.isFinite(worst.value) ? worst.value : null;
  return { fault: broken && shown(broken), value, observed };
}

/** The condition as people write it: `> 80 and <= 95`. */
export function shownCondition({ above, min, below, max, equals }: Bounds): string {
  const parts = [
    ['>', above],
    ['>=', min],
    ['<', below],
    ['<=', max],
    ['=', equals],
  ].filter((part): part is [string, number] => part[1] !== undefined);
  return parts.length === 0 ? 'any value' : parts.map(([sign, bound]) => `${sign} ${bound}`).join(' and ');
}

/** NaN fulfils nothing, also not the condition that any value will do. */
function holds(value: number, { above, min, below, max, equals }: Bounds): boolean {
  return (
    !Number.isNaN(value) &&
    (above === undefined || value > above) &&
    (min === undefined || value >= min) &&
    (below === undefined || value < below) &&
    (max === undefined || value <= max) &&
    (equals === undefined || value === equals)
  );
}

/** How far a value is from failing; below zero it fails. */
function distance(value: number, { above, min, below, max, equals }: Bounds): number {
  if (Number.isNaN(value)) return Number.NEGATIVE_INFINITY;
  const lower = Math.max(above ?? Number.NEGATIVE_INFINITY, min ?? Number.NEGATIVE_INFINITY);
  const upper = Math.min(below ?? Number.POSITIVE_INFINITY, max ?? Number.POSITIVE_INFINITY);
  const off = equals === undefined || value === equals ? Number.POSITIVE_INFINITY : -Math.abs(value - equals);
  // Infinity less infinity is no number: an infinite value below an infinite bound is as far as can be.
  const distances = [value - lower, upper - value, off].filter((one) => !Number.isNaN(one));
  return Math.min(...distances, Number.MAX_VALUE);
}

function shown({ labels, value }: Sample): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
  const series = `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`}`;
  return series === '' ? String(value) : `${series} ${value}`;
}

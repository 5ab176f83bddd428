import { expect, it } from 'vitest';
import type { Contest } from './contenders/contender.ts';
import { contestFigures } from './report.ts';

const latency = (p99: number, max: number, failed = 0) => ({
  writes: 1_000,
  p50: 1,
  p99,
  p999: max,
  max,
  failed,
  failures: {},
});

const contest = (contender: string, rowsPerSecond: number, failed = 0): Contest => ({
  contender,
  rows: 1_000,
  backfillSeconds: 1,
  rowsPerSecond,
  totalSeconds: 2,
  writers: { before: latency(2, 5), start: latency(8, 30, failed), finish: latency(4, 40) },
  walMb: 1,
  size: { before: { tableMb: 1, indexesMb: 1 }, after: { tableMb: 2, indexesMb: 1 } },
  wrongRows: 0,
  notes: {},
});

it('holds our figures against their targets, and prints those of the others beside them', () => {
  const figures = contestFigures('full pages', [contest('Switchyard', 300), contest('pgroll', 100, 7)]);
  const of = (name: string) => figures.find((figure) => figure.name === `full pages${name}`);
  expect(of(', Switchyard: added p99 of a write')).toMatchObject({ value: 6, isMet: true });
  expect(of(', Switchyard: longest write')).toMatchObject({ value: 40, isMet: true });
  expect(of(', pgroll: failed writes')).toEqual({
    name: 'full pages, pgroll: failed writes',
    value: 7,
    unit: 'writes',
  });
  expect(of(': Switchyard beside pgroll')).toMatchObject({ value: 3, isMet: true });
});

it('compares with nothing where pgroll was left out', () => {
  const names = contestFigures('full pages', [contest('Switchyard', 300)]).map(({ name }) => name);
  expect(names.filter((name) => name.includes('pgroll'))).toEqual([]);
});

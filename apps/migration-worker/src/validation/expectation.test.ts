import { describe, expect, it } from 'vitest';
import { judge, type Check } from './expectation.js';

const check = (expectation: Check['expect'], sql = 'select count(*) from users'): Check => ({
  sql,
  expect: expectation,
});

describe('judge', () => {
  it('compares counts, which arrive as text, by value', () => {
    expect(judge(check({ min: 1 }), { rows: 1, value: '2' })).toEqual({
      name: 'select count(*) from users',
      passed: true,
      expected: 'at least 1',
      observed: '2',
    });
    expect(judge(check({ equals: 3 }), { rows: 1, value: '3' }).passed).toBe(true);
    expect(judge(check({ min: 1, max: 5 }), { rows: 1, value: '6' }).passed).toBe(false);
  });

  it('fails what is no number where one is wanted, and a query without rows', () => {
    expect(judge(check({ min: 0 }), { rows: 1, value: 'many' }).passed).toBe(false);
    expect(judge(check({ min: 0 }), { rows: 1, value: null }).passed).toBe(false);
    expect(judge(check({ equals: 'a' }), { rows: 0, value: undefined })).toMatchObject({
      passed: false,
      observed: 'no row',
    });
  });

  it('tells null, false and text apart', () => {
    expect(judge(check({ equals: null }), { rows: 1, value: null }).passed).toBe(true);
    expect(judge(check({ equals: false }), { rows: 1, value: null }).passed).toBe(false);
    expect(judge(check({ equals: 'true' }), { rows: 1, value: true }).passed).toBe(true);
  });

  it('counts rows', () => {
    expect(judge(check({ rows: 0 }), { rows: 2, value: 1 })).toMatchObject({
      passed: false,
      expected: '0 rows',
      observed: '2 rows',
    });
  });

  it('names a check by its query on one line, cut when it is long', () => {
    const report = judge(check({ rows: 1 }, `select\n  ${'x'.repeat(300)}`), { rows: 1, value: 1 });
    expect(report.name).toMatch(/^select x+\.\.\.$/);
    expect(report.name).toHaveLength(120);
  });
});

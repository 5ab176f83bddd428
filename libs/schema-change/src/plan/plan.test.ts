import { parseOrThrow, schemaChangeSchema } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import { catalogForTests } from '../../test/support/catalog.js';
import type { Catalog } from '../catalog/catalog.js';
import { resolveShape } from '../catalog/shape.js';
import { normaliseChange } from '../spec/normalise.js';
import { usersNameSplit } from '../spec/users-name-split.js';
import { preflight } from '../preflight/preflight.js';
import { estimates } from './estimate.js';
import { planChange, type Plan } from './plan.js';

const normalised = normaliseChange(parseOrThrow(schemaChangeSchema, usersNameSplit(), 'preset'));
if (!normalised.ok) throw new Error('the preset is not well formed');
const change = normalised.value;
const planOf = (catalog: Catalog): Plan => {
  const resolved = resolveShape(change, catalog, 'run-1');
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return planChange(change, catalog, resolved.shape);
};

describe('planChange', () => {
  const plan = planOf(catalogForTests());

  test('lists every step in order with its phase, locks and way back', () => {
    expect(
      plan.steps.map(({ id, phase, locks, reversible }) => [
        id,
        phase,
        locks.map(({ mode, hold }) => `${mode} ${hold}`).join(', '),
        reversible,
      ]),
    ).toEqual([
      ['expand', 'Expand', 'ACCESS EXCLUSIVE moment', true],
      ['connect', 'Expand', 'SHARE UPDATE EXCLUSIVE moment', true],
      ['backfill', 'Backfill', 'ROW EXCLUSIVE chunk', true],
      ['index:idx_users_last_name', 'Backfill', 'SHARE UPDATE EXCLUSIVE step', true],
      ['prove', 'Backfill', 'ACCESS SHARE chunk', true],
      ['switch-reads', 'Switch', '', true],
      ['dual-write', 'Switch', '', true],
      ['enforce', 'Switch', 'ACCESS EXCLUSIVE moment, ACCESS EXCLUSIVE moment', true],
      ['reverse', 'Switch', '', true],
      ['switch-writes', 'Switch', '', true],
      ['close', 'Contract', '', true],
      ['drop', 'Contract', 'ACCESS EXCLUSIVE moment', false],
      ['clean', 'Contract', '', false],
    ]);
    expect(plan.longestExclusiveMs).toBe(5);
  });

  test('is plain JSON and the same for the same input', () => {
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(JSON.stringify(planOf(catalogForTests()))).toBe(JSON.stringify(plan));
  });

  test('no step keeps everyone out for longer than a moment', () => {
    expect.hasAssertions();
    for (const { locks } of plan.steps) {
      for (const { mode, hold } of locks) if (mode === 'ACCESS EXCLUSIVE') expect(hold).toBe('moment');
    }
  });
});

describe('estimates', () => {
  test('come near what was measured: 1 million full-page rows with three indexes, 9.5 s and 911 MB', () => {
    const { backfill } = estimates(change, catalogForTests());
    expect(backfill.seconds).toBeGreaterThan(8.5);
    expect(backfill.seconds).toBeLessThan(10.5);
    expect(backfill.walBytes / 1e6).toBeGreaterThan(850);
    expect(backfill.walBytes / 1e6).toBeLessThan(950);
    expect(backfill.diskBytes).toBe(279_000_000);
  });

  test('with room in the pages: 1.5 to 1.8 s and 457 MB', () => {
    const { table } = catalogForTests();
    if (!table) throw new Error('no table');
    const { backfill, basis } = estimates(change, catalogForTests({ table: { ...table, fillfactor: 50 } }));
    expect(basis.hot).toBe(1);
    expect(backfill.seconds).toBeCloseTo(1.65, 2);
    expect(backfill.walBytes / 1e6).toBeCloseTo(457, 0);
    expect(backfill.diskBytes).toBe(0);
  });

  test('empty values are not written, and a slower machine takes longer', () => {
    const catalog = catalogForTests();
    const half = catalogForTests({
      columns: catalog.columns.map((column) => ({ ...column, nullFraction: column.name === 'name' ? 0.5 : 0 })),
    });
    expect(estimates(change, half).backfill.rows).toBe(500_000);
    expect(estimates(change, catalog, 3).backfill.seconds).toBeCloseTo(
      3 * estimates(change, catalog).backfill.seconds,
      0,
    );
  });

  test('nothing is estimated for an empty table', () => {
    const { table } = catalogForTests();
    if (!table) throw new Error('no table');
    const empty = catalogForTests({ table: { ...table, rows: 0, heapBytes: 0, indexBytes: 0 } });
    expect(planOf(empty).total).toEqual({ rows: 0, seconds: 0, walBytes: 0, diskBytes: 0 });
  });
});

describe('preflight of server and connection', () => {
  const codes = (server: Partial<Catalog['server']>, session: Partial<Catalog['session']> = {}): string[] => {
    const catalog = catalogForTests();
    const { obstacles } = preflight(change, {
      ...catalog,
      server: { ...catalog.server, ...server },
      session: { ...catalog.session, ...session },
    });
    return obstacles.map(({ code }) => code);
  };

  test.each([
    ['version', { version: 140011 }],
    ['standby', { inRecovery: true }],
    ['wal-level', { walLevel: 'replica' }],
    ['slots', { slots: 10 }],
    ['wal-senders', { walSenders: 10 }],
    ['privilege', { replication: false }],
    ['privilege', { canCreate: false }],
  ])('%s: %o', (code, server) => {
    expect(codes(server)).toEqual([code]);
  });

  test('a pooler is seen by several backends, or by no answer to the replication protocol', () => {
    expect(codes({}, { backendPids: [1, 2] })).toEqual(['pooler']);
    expect(codes({}, { replicationAnswers: false })).toEqual(['pooler']);
    expect(codes({})).toEqual([]);
  });

  test('problems of expressions are obstacles', () => {
    const { obstacles } = preflight(change, catalogForTests(), [{ path: 'spec.x', keys: [], message: 'no' }]);
    expect(obstacles).toMatchObject([{ code: 'expression', subject: 'spec.x', message: 'no' }]);
  });
});

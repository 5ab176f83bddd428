import { parseOrThrow, schemaChangeSchema } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import type { Catalog } from '../catalog/catalog.js';
import type { Change } from '../spec/change.js';
import { normaliseChange } from '../spec/normalise.js';
import { usersNameSplit } from '../spec/users-name-split.js';
import { catalogForTests } from '../../test/support/catalog.js';
import { ABORT_ACTIONS, abortPlan } from './abort.js';
import { gateHolds, judgeGate, OBSERVATIONS, type Observations } from './gates.js';
import type { Machine, Reached } from './states.js';

const normalised = normaliseChange(parseOrThrow(schemaChangeSchema, usersNameSplit(), 'preset'));
if (!normalised.ok) throw new Error('the preset is not well formed');
const change: Change = normalised.value;
const catalog: Catalog = catalogForTests();
const at = (reached: Reached): Machine =>
  reached === 'preflight'
    ? { state: 'preflight', reached }
    : { state: 'held', at: reached, reached, because: 'failed', detail: '', reason: null };
const actions = (machine: Machine, of: Change = change): string[] =>
  abortPlan(machine, of, catalog).actions.map(({ action }) => action);

describe('abortPlan', () => {
  test('undoes exactly what the state has begun', () => {
    expect(actions(at('preflight'))).toEqual([]);
    expect(actions(at('expanding'))).toEqual(['drop-new-shape', 'drop-control', 'verify']);
    expect(actions(at('backfilling'))).toEqual(['stop-stream', 'drop-new-shape', 'drop-control', 'verify']);
    expect(actions(at('switchingReads'))).toEqual([
      'reads-to-old',
      'stop-stream',
      'drop-indexes',
      'drop-new-shape',
      'drop-control',
      'verify',
    ]);
    expect(actions(at('closing'))).toEqual(ABORT_ACTIONS.filter((action) => action !== 'drop-constraints'));
  });

  test('takes NOT NULL from the new columns before a writer may leave them out, and carries back before readers go', () => {
    const order = actions(at('contractGate'));
    const place = (action: string): number => order.indexOf(action);
    expect(place('relax-new')).toBeLessThan(place('writes-to-old'));
    expect(place('carry-back')).toBeLessThan(place('reads-to-old'));
    expect(place('writes-to-both')).toBeLessThan(place('carry-back'));
    expect(place('writes-to-old')).toBeLessThan(place('stop-stream'));
  });

  test('says what is lost only where something is', () => {
    expect(abortPlan(at('proving'), change, catalog).lost).toEqual([]);
    expect(abortPlan(at('switchingWrites'), change, catalog).lost).toEqual([
      'What applications wrote only into first_name, last_name is kept as far as name can express it.',
    ]);
  });

  test('leaves out what the change does not have', () => {
    const bare: Change = {
      ...change,
      drop: [],
      reverse: [],
      notNull: [],
      indexes: [],
      switch: { ...change.switch, readFlag: undefined, writeFlag: undefined },
    };
    expect(actions(at('closing'), bare)).toEqual(['stop-stream', 'drop-new-shape', 'drop-control', 'verify']);
  });

  test('is refused from the drop on, and after the end', () => {
    expect(abortPlan(at('dropping'), change, catalog)).toMatchObject({ possible: false, actions: [] });
    expect(abortPlan({ state: 'completed' }, change, catalog)).toMatchObject({
      possible: false,
      refusal: 'The run has ended.',
    });
    expect(abortPlan({ state: 'aborting', reached: 'proving', reason: '' }, change, catalog).possible).toBe(true);
  });
});

describe('judgeGate', () => {
  const seen = (value: number | boolean, detail?: string) => ({
    value,
    source: 'test',
    at: '2026-11-20T10:00:00Z',
    ...(detail ? { detail } : {}),
  });
  const good: Observations = {
    ...Object.fromEntries(OBSERVATIONS.map((name) => [name, seen(0)])),
    slotHealthy: seen(true),
    stableSeconds: seen(120),
    parityProofs: seen(2),
    coolDownMs: seen(86_400_000),
  };

  test('holds when everything was seen and is right', () => {
    expect(gateHolds(judgeGate('cutover', change, good))).toBe(true);
    expect(gateHolds(judgeGate('contract', change, good))).toBe(true);
  });

  test('any one observation that is missing or wrong keeps a gate closed', () => {
    const asked = judgeGate('contract', change, good).length;
    expect(judgeGate('contract', change, {}).map(({ state }) => state)).toEqual(
      Array.from({ length: asked }, () => 'unknown'),
    );
    for (const name of OBSERVATIONS.filter((one) => one !== 'backupAgeMs' && one !== 'parityTookSeconds')) {
      const { [name]: _, ...rest } = good;
      expect(gateHolds(judgeGate('contract', change, rest)), name).toBe(false);
    }
    expect(gateHolds(judgeGate('cutover', change, { ...good, differingRows: seen(Number.NaN) }))).toBe(false);
    expect(gateHolds(judgeGate('cutover', change, { ...good, slotHealthy: seen(false) }))).toBe(false);
  });

  test('says what is required, what was seen, and why', () => {
    const conditions = judgeGate('cutover', change, {
      ...good,
      openWriters: seen(1, 'pid 7, 12 s'),
      stableSeconds: seen(30),
    });
    expect(conditions.find(({ name }) => name.startsWith('open'))).toEqual({
      name: 'open transactions older than the barrier that wrote the table',
      required: 'at most 0',
      observed: '1 (pid 7, 12 s)',
      state: 'fail',
      source: 'test',
      at: '2026-11-20T10:00:00Z',
    });
    expect(conditions.find(({ name }) => name.startsWith('time'))).toMatchObject({
      required: 'at least 120 s',
      state: 'pending',
    });
  });

  test('gives a proof that takes long more time until the next one', () => {
    const aged = { ...good, parityAgeSeconds: seen(1_000) };
    const age = (observed: Observations) =>
      judgeGate('cutover', change, observed).find(({ name }) => name === 'age of the parity proof');
    expect(age(aged)).toMatchObject({ state: 'fail', required: 'at most 300 s' });
    expect(age({ ...aged, parityTookSeconds: seen(600) })).toMatchObject({ state: 'pass', required: 'at most 1800 s' });
  });

  test('asks for a backup only where the spec does', () => {
    expect(judgeGate('cutover', change, good).map(({ name }) => name)).not.toContain('age of the backup');
    const strict = { ...change, gates: { ...change.gates, maxBackupAge: 3_600_000 } };
    expect(
      judgeGate('cutover', strict, { ...good, backupAgeMs: seen(7_200_000) }).find(
        ({ name }) => name === 'age of the backup',
      ),
    ).toMatchObject({
      required: 'at most 1 h 00 min',
      state: 'fail',
    });
  });
});

import { describe, expect, it } from 'vitest';
import { driftOf } from './drift.js';
import { planDocumentSchema } from './plan-document.js';

const same = (value: unknown): unknown => value;
const plan = (drift: unknown[], outputs: Record<string, unknown> = {}) =>
  planDocumentSchema.parse({ resource_drift: drift, output_changes: outputs });
const edited = (address: string, after: unknown, more: Record<string, unknown> = {}) => ({
  address,
  change: { actions: ['update'], before: { size: 1, token: 'old' }, after, ...more },
});

describe('driftOf', () => {
  it('finds none in a plan without changes, and none where objects only have another name', () => {
    const none = { digest: null, drifted: [], shown: ['Drift: none'] };
    expect(driftOf(null, 'drift:net:default', same)).toEqual(none);
    const moved = { address: 'a.x', previous_address: 'a.y', change: { actions: ['no-op'] } };
    expect(driftOf(plan([moved], { same: { actions: ['no-op'] } }), 'drift:net:default', same)).toEqual(none);
  });

  it('tells what was changed, what is gone, and which outputs would come out different', () => {
    const found = driftOf(
      plan([edited('a.x', { size: 2, token: 'old' }), { address: 'a.y', change: { actions: ['delete'] } }], {
        zone: { actions: ['update'], before: 'one', after: 'two' },
      }),
      'drift:net:default',
      same,
    );
    // The worst first: when there is too much to be named, it is.
    expect(found.drifted).toEqual([
      { address: 'a.y', action: 'delete' },
      { address: 'a.x', action: 'update' },
      { address: 'output.zone', action: 'update' },
    ]);
    expect(found.shown).toEqual([
      'Drift: 1 changed, 1 gone, 1 outputs',
      '~ a.x',
      '    size: 1 -> 2',
      '- a.y',
      '~ output zone: "one" -> "two"',
    ]);
  });

  it('has one digest for one drift, and another for another', () => {
    const digest = (after: unknown) => driftOf(plan([edited('a.x', after)]), 'drift:net:default', same).digest;
    expect(digest({ size: 2 })).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(digest({ size: 2 })).toBe(digest({ size: 2 }));
    expect(digest({ size: 3 })).not.toBe(digest({ size: 2 }));
    expect(driftOf(plan([edited('a.x', { size: 2 })]), 'drift:other:default', same).digest).not.toBe(
      digest({ size: 2 }),
    );
  });

  it('takes no sensitive value and no secret of the run into digest or lines', () => {
    const marks = { before_sensitive: { token: true }, after_sensitive: { token: true } };
    const found = (token: string) =>
      driftOf(plan([edited('a.x', { size: 1, token }, marks)]), 'drift:net:default', same);
    expect(found('new')).toEqual(found('newer'));
    expect(found('new').drifted).toHaveLength(1);
    const hide = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('hunter2', '***'));
    const masked = driftOf(plan([edited('a.x', { size: 'hunter2' })]), 'drift:net:default', hide);
    expect(JSON.stringify(masked)).not.toContain('hunter2');
    expect(masked.digest).toBe(driftOf(plan([edited('a.x', { size: '***' })]), 'drift:net:default', same).digest);
  });
});

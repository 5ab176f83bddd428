import { describe, expect, it } from 'vitest';
import { NO_STATE, parseState, type StateDocument } from '../stack/state-document.js';
import { evidenceOf, isSaved, statePushOf, summariseStatePush, type PushTarget } from './unsaved-state.js';

const TARGET: PushTarget = {
  artifact: `sha256:${'a'.repeat(64)}`,
  stack: 'net',
  workspace: 'default',
  backend: 'http',
  configuration: `sha256:${'c'.repeat(64)}`,
};

const state = (serial: number, objects: Readonly<Record<string, string>>, lineage = 'one'): StateDocument =>
  parseState(
    JSON.stringify({
      version: 4,
      serial,
      lineage,
      outputs: {},
      resources: Object.entries(objects).map(([name, value]) => ({
        mode: 'managed',
        type: 'x',
        name,
        instances: [{ index_key: 'k', attributes: { value } }],
      })),
    }),
    'a test',
  );

describe('statePushOf', () => {
  it('names what the states do not have in common, and no value', () => {
    const push = statePushOf(
      TARGET,
      state(3, { same: '1', other: 'new-value', more: '1' }),
      state(2, { same: '1', other: 'old-value', gone: '1' }),
    );
    expect(push).toMatchObject({
      added: ['x.more["k"]'],
      changed: ['x.other["k"]'],
      forgotten: ['x.gone["k"]'],
      unsaved: { lineage: 'one', serial: 3 },
      saved: { lineage: 'one', serial: 2 },
      overwrites: false,
    });
    expect(JSON.stringify([push, summariseStatePush(push)])).not.toMatch(/(new|old)-value/);
  });

  it('goes where nothing is', () => {
    const push = statePushOf(TARGET, state(1, { a: '1' }), NO_STATE);
    expect(push).toMatchObject({ saved: null, added: ['x.a["k"]'], overwrites: false });
    expect(summariseStatePush(push)[0]).toContain('serial 1 where nothing is');
  });

  it.each([
    [2, false],
    [3, true],
    [9, true],
  ])('over serial %i of another writer, serial 3 overwrites: %s', (serial, overwrites) => {
    const push = statePushOf(TARGET, state(3, { a: '1' }), state(serial, {}));
    expect(push.overwrites).toBe(overwrites);
    expect(summariseStatePush(push).some((line) => line.includes('-force'))).toBe(overwrites);
  });

  it('has another evidence for whatever else would be pushed, overwritten or read', () => {
    const mine = state(3, { a: '1' });
    const evidences = [
      statePushOf(TARGET, mine, state(2, {})),
      statePushOf(TARGET, mine, state(1, {})),
      statePushOf(TARGET, mine, state(2, { b: '1' })),
      statePushOf({ ...TARGET, artifact: `sha256:${'b'.repeat(64)}` }, mine, state(2, {})),
      statePushOf({ ...TARGET, configuration: `sha256:${'d'.repeat(64)}` }, mine, state(2, {})),
    ].map(evidenceOf);
    expect(new Set(evidences).size).toBe(evidences.length);
  });

  it('refuses another state, and one that it cannot read', () => {
    const refused =
      (unsaved: StateDocument, saved: StateDocument): unknown =>
      () =>
        statePushOf(TARGET, unsaved, saved);
    const code = expect.objectContaining({ code: 'TerraformApplyFailed', retryable: false }) as unknown;
    expect(refused(state(3, {}), state(2, {}, 'two'))).toThrow(code);
    expect(refused({ ...state(3, {}), encrypted_data: 'x' }, state(2, {}))).toThrow(code);
  });

  it('shows so many objects of a kind, and counts the rest', () => {
    const objects = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`o${i}`, '1']));
    const shown = summariseStatePush(statePushOf(TARGET, state(3, objects), state(2, {})));
    expect(shown).toHaveLength(53);
    expect(shown.at(-1)).toBe('+ ... 20 more');
  });
});

describe('isSaved', () => {
  it('goes by what a state holds, not by what the tool counts', () => {
    const mine = state(3, { a: '1' });
    expect(isSaved(mine, state(4, { a: '1' }))).toBe(true);
    expect(isSaved(mine, state(1, { a: '1' }, 'made anew'))).toBe(true);
    expect(isSaved(mine, state(3, { a: '2' }))).toBe(false);
    expect(isSaved(mine, NO_STATE)).toBe(false);
    expect(isSaved({ ...mine, outputs: { word: { value: 'x', sensitive: false } } }, mine)).toBe(false);
  });
});

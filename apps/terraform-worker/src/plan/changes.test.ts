import { describe, expect, it } from 'vitest';
import { beyondApproval, changesOf, countChanges, type Change, type ChangeAction } from './changes.js';
import { resourceChangeSchema } from './plan-document.js';

const entry = (address: string, actions: string[], more: Record<string, unknown> = {}) =>
  resourceChangeSchema.parse({ address, change: { actions }, ...more });

const change = (address: string, action: ChangeAction, more: Partial<Change> = {}): Change => ({
  address,
  action,
  deposed: null,
  reason: null,
  ...more,
});

describe('changesOf', () => {
  it('names the action of each resource, and leaves out what stays as it is', () => {
    const changes = changesOf([
      entry('a.new', ['create']),
      entry('a.same', ['no-op']),
      entry('data.a.read', ['read'], { mode: 'data' }),
      entry('a.edited', ['update']),
      entry('a.gone', ['delete']),
      entry('a.replaced', ['delete', 'create'], { action_reason: 'replace_because_tainted' }),
      entry('a.replaced_late', ['create', 'delete']),
      entry('a.forgotten', ['forget']),
      entry('a.moved', ['no-op'], { previous_address: 'a.former' }),
      entry('a.imported', ['no-op'], { change: { actions: ['no-op'], importing: { id: 'x' } } }),
    ]);
    expect(changes.map(({ address, action }) => `${action} ${address}`)).toEqual([
      'create a.new',
      'update a.edited',
      'delete a.gone',
      'replace a.replaced',
      'replace a.replaced_late',
      'forget a.forgotten',
      'move a.moved',
      'import a.imported',
    ]);
  });

  it('counts a replacement as one addition and one destruction, as the tool does', () => {
    const counts = countChanges([
      change('a', 'replace'),
      change('b', 'create'),
      change('c', 'update'),
      change('d', 'delete'),
    ]);
    expect(counts).toEqual({ add: 2, change: 1, destroy: 2, replace: 1 });
  });
});

describe('beyondApproval', () => {
  const approved = [
    change('new', 'create'),
    change('edited', 'update'),
    change('gone', 'delete'),
    change('swapped', 'replace'),
  ];

  it('accepts any part of the approved changes as their rest', () => {
    expect(beyondApproval(approved, [])).toEqual([]);
    expect(beyondApproval(approved, approved)).toEqual([]);
    expect(beyondApproval(approved, [change('gone', 'delete'), change('new', 'create')])).toEqual([]);
  });

  it.each<[string, Change]>([
    [
      'a half-made object of an approved creation is made again',
      change('new', 'replace', { reason: 'replace_because_tainted' }),
    ],
    ['the old object of a replacement is gone already', change('swapped', 'create')],
    ['the old object of a replacement was left behind', change('swapped', 'delete', { deposed: 'a1b2' })],
  ])('accepts that %s', (_, now) => {
    expect(beyondApproval(approved, [now])).toEqual([]);
  });

  it.each<[string, Change]>([
    ['another address', change('other', 'create')],
    ['a created object that is now replaced for another reason', change('new', 'replace')],
    ['a created object that is now updated', change('new', 'update')],
    ['a created object that is now deleted', change('new', 'delete')],
    ['an update that became a replacement', change('edited', 'replace')],
    ['the new object of a replacement that is now deleted', change('swapped', 'delete')],
  ])('refuses %s', (_, now) => {
    expect(beyondApproval(approved, [change('gone', 'delete'), now])).toEqual([now]);
  });
});

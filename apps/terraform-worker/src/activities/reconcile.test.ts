import { describe, expect, it } from 'vitest';
import { addressesOf, NO_STATE, stateDocumentSchema } from '../stack/state-document.js';
import { orphansOf } from './reconcile.js';

const state = stateDocumentSchema.parse({
  serial: 2,
  lineage: 'l',
  resources: [
    { type: 'vm', name: 'a', instances: [{}] },
    { type: 'vm', name: 'many', instances: [{ index_key: 0 }, { index_key: 'x' }, { index_key: 'y', deposed: 'd1' }] },
    { module: 'module.m["k"]', type: 'vm', name: 'b', instances: [{}] },
    { mode: 'data', type: 'image', name: 'i', instances: [{}] },
  ],
});

describe('addressesOf', () => {
  it('writes addresses as the tool does', () => {
    expect([...addressesOf(state)]).toEqual(['vm.a', 'vm.many[0]', 'vm.many["x"]', 'module.m["k"].vm.b']);
  });
});

describe('orphansOf', () => {
  const entry = { action: 'create', state: 'completed', resourceId: null } as const;

  it('finds what was created and is in no state, with the block that imports it', () => {
    expect(orphansOf([{ ...entry, address: 'vm.c', resourceId: 'i-7' }], state)).toEqual([
      { address: 'vm.c', id: 'i-7', isCreated: true, importBlock: 'import {\n  to = vm.c\n  id = "i-7"\n}' },
    ]);
  });

  it('counts a creation without an end as one that may exist', () => {
    expect(orphansOf([{ ...entry, address: 'vm.c', state: 'started' }], state)).toMatchObject([
      { isCreated: false, importBlock: null },
    ]);
  });

  it('leaves out what is in the state, what failed, and what is nothing outside of the state', () => {
    const ledger = [
      { ...entry, address: 'vm.a' },
      { ...entry, address: 'vm.d', state: 'failed' as const },
      { ...entry, address: 'vm.e', action: 'delete' },
      { ...entry, address: 'terraform_data.x' },
      { ...entry, address: 'module.m.terraform_data.x[0]' },
    ];
    expect(orphansOf(ledger, state)).toEqual([]);
    expect(orphansOf(ledger, NO_STATE).map(({ address }) => address)).toEqual(['vm.a']);
  });
});

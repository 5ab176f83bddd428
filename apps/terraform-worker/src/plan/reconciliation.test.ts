import { describe, expect, it } from 'vitest';
import { addressesOf, NO_STATE, stateDocumentSchema } from '../stack/state-document.js';
import { orphansOf, proposalFiles, reconciliationOf } from './reconciliation.js';

const state = stateDocumentSchema.parse({
  serial: 2,
  lineage: 'l',
  resources: [
    { type: 'vm', name: 'a', instances: [{}] },
    { type: 'vm', name: 'many', instances: [{ index_key: 0 }, { index_key: 'x' }, { index_key: 'y', deposed: 'd1' }] },
    { module: 'module.m["k"]', type: 'vm', name: 'b', instances: [{ status: 'tainted' }] },
    { type: 'vm', name: 'old', instances: [{ status: 'tainted' }] },
    { mode: 'data', type: 'image', name: 'i', instances: [{}] },
  ],
});
const entry = { action: 'create', state: 'completed', resourceId: null } as const;

describe('addressesOf', () => {
  it('writes addresses as the tool does', () => {
    expect([...addressesOf(state)]).toEqual(['vm.a', 'vm.many[0]', 'vm.many["x"]', 'module.m["k"].vm.b', 'vm.old']);
  });
});

describe('orphansOf', () => {
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

describe('reconciliationOf', () => {
  const done = { ...entry, address: 'vm.a' };
  const half = { ...entry, address: 'module.m["k"].vm.b', state: 'started' as const };
  const lost = { ...entry, address: 'vm.c', resourceId: 'i-7' };
  const planned = [half.address, done.address, lost.address];

  it('is clean when the state holds all that was begun; what is tainted outside of the plan is not its doing', () => {
    const clean = reconciliationOf([done.address], [done], state);
    expect(clean).toMatchObject({ verdict: 'clean', stateSerial: 2, begun: 1, completed: 1, tainted: [], orphans: [] });
    expect(proposalFiles(clean).map(({ name }) => name)).toEqual(['reconciliation.json']);
  });

  it('proposes to replace what was left half-made', () => {
    const found = reconciliationOf(planned, [done, half], state);
    expect(found).toMatchObject({ verdict: 'tainted', begun: 2, completed: 1 });
    expect(reconciliationOf(planned, [done], state).tainted).toEqual(found.tainted);
    expect(proposalFiles(found).at(-1)).toEqual({
      name: 'replacements.txt',
      contentType: 'text/plain',
      content: '-replace=module.m["k"].vm.b\n',
    });
  });

  it('proposes to import what no state knows, which wins over what is half-made', () => {
    const found = reconciliationOf(planned, [done, half, lost, { ...lost, address: 'vm.d', resourceId: null }], state);
    expect(found.verdict).toBe('orphaned');
    const files = new Map(proposalFiles(found).map(({ name, content }) => [name, content]));
    expect([...files.keys()]).toEqual(['reconciliation.json', 'imports.tf', 'replacements.txt']);
    expect(files.get('imports.tf')).toBe('import {\n  to = vm.c\n  id = "i-7"\n}\n');
    expect(JSON.parse(files.get('reconciliation.json') ?? '')).toEqual(found);
  });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHANGE, failureOf, startHarness, type Harness } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

it('runs the change that a step holds, with its expressions computed and its defaults left to the workflow', async () => {
  const change = { ...CHANGE, spec: { ...CHANGE.spec, database: '${{ inputs.database }}' } };
  const handle = await harness.start([{ id: 'split', uses: 'schema-change', with: { change } }], {
    book: { inputs: { database: { type: 'string' } } },
    inputs: { database: 'crm' },
  });
  const { steps } = await handle.result();
  expect(steps['split']).toMatchObject({ outcome: 'successful', result: { change: 'written-here' } });
  expect(harness.inputOf(handle, 'written-here')).toEqual({ ...CHANGE, spec: { ...CHANGE.spec, database: 'crm' } });
});

it('has the file that a step names read by the worker that carries it out, when the step begins', async () => {
  const handle = await harness.start([
    { id: 'split', uses: 'schema-change', with: { file: 'from-file.yaml' } },
    { id: 'after', uses: 'ansible', needs: ['split'], with: { playbook: 'site.yml' } },
  ]);
  await handle.result();
  expect(harness.notesOf(handle)).toEqual(['from-file', 'site.yml']);
  expect(harness.inputOf(handle, 'from-file')).toMatchObject({ kind: 'SchemaChange' });
});

it('fails with the code of the reader for a file that is not there, and starts nothing', async () => {
  const handle = await harness.start([{ id: 'split', uses: 'schema-change', with: { file: 'missing.yaml' } }]);
  expect(await failureOf(handle.result())).toMatchObject({ code: 'NotFound' });
  expect(harness.notesOf(handle)).toEqual([]);
});

it.each([
  ['both', { file: 'a.yaml', change: CHANGE }, 'name one of'],
  ['neither', {}, 'name one of'],
  ['an unknown field', { flie: 'a.yaml' }, 'file'],
])('refuses %s before anything starts', async (_, given, words) => {
  const handle = await harness.start([{ id: 'split', uses: 'schema-change', with: given }]);
  const { code, message } = await failureOf(handle.result());
  expect([code, message]).toEqual(['InvalidInput', expect.stringContaining(words)]);
});

it('ends the change when the run is aborted, and waits for it: going back is the business of the change', async () => {
  const handle = await harness.start([{ id: 'split', uses: 'schema-change', with: { file: 'slow-change.yaml' } }]);
  await harness.until(handle, 'the change to run', () => harness.notesOf(handle).includes('slow-change'));
  await handle.executeUpdate('abort', { args: [{ reason: 'enough', by: { identity: 'ann', channel: 'test' } }] });
  expect(await failureOf(handle.result())).toMatchObject({ code: 'Aborted' });
  expect(harness.notesOf(handle)).toEqual(['slow-change', 'ended slow-change']);
});

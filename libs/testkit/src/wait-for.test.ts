import { expect, it } from 'vitest';
import { waitFor } from './wait-for.js';
import { withEnv } from './with-env.js';
import { leftovers } from './leftovers.js';

it('gives the first value that is not "not yet"', async () => {
  const values = [undefined, null, false, 0];
  expect(await waitFor(() => values.shift(), { what: 'a value', intervalMs: 1 })).toBe(0);
});

it('says what it waited for and why it did not come', async () => {
  const condition = (): never => {
    throw new Error('port closed');
  };
  await expect(waitFor(condition, { what: 'the server', timeoutMs: 5, intervalMs: 1 })).rejects.toThrow(
    'waited 5 ms for the server: port closed',
  );
});

it('sets variables for one piece of work only', async () => {
  process.env['TESTKIT_ONE'] = 'before';
  const inside = await withEnv({ TESTKIT_ONE: undefined, TESTKIT_TWO: '2' }, () => [
    process.env['TESTKIT_ONE'],
    process.env['TESTKIT_TWO'],
  ]);
  expect(inside).toEqual([undefined, '2']);
  expect([process.env['TESTKIT_ONE'], process.env['TESTKIT_TWO']]).toEqual(['before', undefined]);
  delete process.env['TESTKIT_ONE'];
});

it('refuses a marker that would match every process', async () => {
  await expect(async () => leftovers('PATH=')).rejects.toThrow('is not a marker');
});

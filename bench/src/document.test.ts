import { expect, it } from 'vitest';
import { figure, isMet, measure } from './document.ts';

it('holds a figure against its target', () => {
  expect(isMet(149, { below: 150 })).toBe(true);
  expect(isMet(150, { below: 150 })).toBe(false);
  expect(isMet(2_000, { atLeast: 2_000 })).toBe(true);
  expect(figure('x', 1, 'ms')).toEqual({ name: 'x', value: 1, unit: 'ms' });
  expect(figure('x', 200, 'ms', { below: 150 })).toMatchObject({ isMet: false });
});

it('puts the facts of the machine around what was measured', async () => {
  const document = await measure({ benchmark: 'x', about: 'nothing' }, async () => ({ figures: [], details: {} }));
  expect(document.machine.cores).toBeGreaterThan(0);
  expect(document.load.before).toHaveLength(3);
  expect(Date.parse(document.startedAt)).toBeGreaterThan(0);
});

import { expect, it } from 'vitest';
import { markOf, uuidOf } from './mark.js';

it('the mark of an effect is always the same, and differs between effects', () => {
  expect(markOf('exec/run/page')).toBe(markOf('exec/run/page'));
  expect(markOf('exec/run/page')).not.toBe(markOf('exec/run/page/1'));
  expect(markOf('exec/run/page')).toMatch(/^switchyard-[0-9a-f]{32}$/);
  expect(uuidOf('exec/run/vm')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

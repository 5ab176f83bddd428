import { expect, it } from 'vitest';
import { interleave } from './interleave.ts';

it('measures one side at a time, changes their order, and leaves out what warms up', async () => {
  const calls: string[] = [];
  const side = (name: string) => async (index: number) => {
    calls.push(`${name} ${index}`);
    return index;
  };
  const pairs = await interleave({ ours: side('ours'), bare: side('bare') }, { pairs: 2, warmUp: 1 });
  expect(calls).toEqual(['bare -1', 'ours -1', 'ours 0', 'bare 0', 'bare 1', 'ours 1']);
  expect(pairs).toEqual([
    { ours: 0, bare: 0 },
    { ours: 1, bare: 1 },
  ]);
});

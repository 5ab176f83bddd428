import { describe, expect, it } from 'vitest';
import { inlineOutputs, MOST_INLINE_BYTES } from './inline-outputs.js';

const output = (name: string, bytes: number) => ({ name, value: 'x'.repeat(bytes) });

describe('inlineOutputs', () => {
  it('takes all when they fit together', () => {
    expect([...inlineOutputs([output('b', 10), output('a', MOST_INLINE_BYTES / 2)])]).toEqual(['b', 'a']);
  });

  it('leaves out the largest first, however they are ordered', () => {
    const outputs = [output('huge', MOST_INLINE_BYTES), output('small', 10), output('middle', MOST_INLINE_BYTES / 2)];
    expect([...inlineOutputs(outputs)]).toEqual(['small', 'middle']);
    expect([...inlineOutputs(outputs.toReversed())]).toEqual(['small', 'middle']);
  });

  it('counts bytes, not characters', () => {
    expect([...inlineOutputs([{ name: 'a', value: '€'.repeat(MOST_INLINE_BYTES / 2) }])]).toEqual([]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineSplitter } from './line-splitter.js';

function split(chunks: readonly Uint8Array[], maxBytes = 1_000): string[] {
  const splitter = createLineSplitter(maxBytes);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return [...lines, ...(last ? [last] : [])].map(({ text }) => text);
}

describe('a line splitter', () => {
  it('gives the same lines however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(40)), (text, cuts) => {
        const bytes = Buffer.from(text);
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
        expect(split(chunks)).toEqual(split([bytes]));
      }),
    );
  });

  it('takes the line ends of other systems', () => {
    expect(split([Buffer.from('a\r\nb\n\nc')])).toEqual(['a', 'b', '', 'c']);
  });

  it('keeps a limited part of a line and counts the rest', () => {
    const splitter = createLineSplitter(4);
    expect(splitter.push(Buffer.from('abcdef'))).toEqual([]);
    expect(splitter.push(Buffer.from('gh\nxy\n'))).toEqual([
      { text: 'abcd', cutBytes: 4 },
      { text: 'xy', cutBytes: 0 },
    ]);
    expect(splitter.end()).toBeUndefined();
  });

  it('leaves no half of a character at the cut', () => {
    expect(createLineSplitter(4).push(Buffer.from('abcä\n'))).toEqual([{ text: 'abc', cutBytes: 1 }]);
  });

  it('replaces what PostgreSQL cannot store', () => {
    expect(split([Buffer.from([0x61, 0, 0xff, 0x62, 0x0a])])).toEqual(['a\uFFFD\uFFFDb']);
  });
});

import { expect, it } from 'vitest';
import { cut, table, visibleLength, wrap } from './terminal.js';

it('aligns columns by what is visible, colours not counted', () => {
  expect(
    table([
      ['\u001B[32mok\u001B[39m', 'x'],
      ['longer', 'y'],
    ]),
  ).toEqual(['\u001B[32mok\u001B[39m      x', 'longer  y']);
  expect(visibleLength('\u001B[1;31mab\u001B[0m')).toBe(2);
});

it('cuts long text to one line with a mark', () => {
  expect(cut('a\n b', 10)).toBe('a b');
  expect(cut('abcdefgh', 5)).toBe('abcd…');
});

it('wraps between words, with the first line beside its label and the others below it', () => {
  expect(wrap('one two three', 13, 'cost ', '     ')).toEqual(['cost one two', '     three']);
  expect(wrap('unbreakable', 4, '  ')).toEqual(['  unbreakable']);
  expect(wrap('\u001B[31mone\u001B[39m two', 9, '  ')).toEqual(['  \u001B[31mone\u001B[39m two']);
});

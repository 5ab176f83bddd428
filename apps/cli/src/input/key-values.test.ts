import { describe, expect, it } from 'vitest';
import { jsonOption, keyValues } from './key-values.js';

describe('name=value pairs', () => {
  it.each([
    ['release=1.10', '1.10'],
    ['replicas=3', 3],
    ['ratio=0.5', 0.5],
    ['zip=01234', '01234'],
    ['on=true', true],
    ['hosts=["a"]', ['a']],
    ['broken=[a', '[a'],
    ['url=http://x/?a=b', 'http://x/?a=b'],
    ['empty=', ''],
  ])('%s is %j', (pair, value) => {
    expect(Object.values(keyValues([pair], '--set'))).toEqual([value]);
  });

  it.each([
    ['release=1.4', '1.4'],
    ['on=true', 'true'],
    ['list=["a"]', '["a"]'],
    ['quoted="1.4"', '1.4'],
  ])('%s is the text %j where text is wanted', (pair, value) => {
    expect(Object.values(keyValues([pair], '--set', () => true))).toEqual([value]);
  });

  it('without a name are refused with the option and the way out', () => {
    expect(() => keyValues(['=x'], '--set')).toThrow('--set "=x": write name=value');
    expect(() => jsonOption('{', '--input')).toThrow('--input: not JSON');
  });
});

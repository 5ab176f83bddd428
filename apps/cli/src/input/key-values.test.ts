import { describe, expect, it } from 'vitest';
import { jsonOption, keyValues, textAmong } from './key-values.js';

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

  it.each([
    ['version=1.4', { version: '1.4' }],
    ['window=1', { window: '1' }],
    ['ratio=1.4', { ratio: 1.4 }],
    ['size=3', { size: 3 }],
    ['now=true', { now: true }],
    ['key={"$secret":"k"}', { key: { $secret: 'k' } }],
    ['toString=1', { toString: 1 }],
  ])('%s is read by the type that is declared', (pair, expected) => {
    const isText = textAmong({
      version: { type: 'string' },
      window: { type: 'string', enum: ['1', '2'] },
      ratio: { type: 'number' },
      size: { type: 'integer', enum: [3, 5] },
      now: { type: 'boolean' },
      key: { type: 'string', secret: true },
    });
    expect(keyValues([pair], '--field', isText)).toEqual(expected);
  });

  it('without a name are refused with the option and the way out', () => {
    expect(() => keyValues(['=x'], '--set')).toThrow('--set "=x": write name=value');
    expect(() => jsonOption('{', '--input')).toThrow('--input: not JSON');
  });
});

import { describe, expect, it } from 'vitest';
import { quotedTxt, unquotedTxt } from './txt.js';

describe('values of TXT records', () => {
  it('are quoted strings of up to 255 octets', () => {
    expect(quotedTxt('v=spf1 -all')).toBe('"v=spf1 -all"');
    expect(quotedTxt('say "hi" \\o')).toBe(String.raw`"say \"hi\" \\o"`);
    expect(quotedTxt('ä')).toBe(String.raw`"\303\244"`);
    expect(quotedTxt('x'.repeat(300))).toBe(`"${'x'.repeat(255)}" "${'x'.repeat(45)}"`);
  });
  it.each(['', 'v=spf1 -all', 'say "hi" \\o', 'häß', 'x'.repeat(600)])(
    'are read back as what was written: %s',
    (text) => {
      expect(unquotedTxt(quotedTxt(text))).toBe(text);
    },
  );
  it('are taken as they are without quotes', () => {
    expect(unquotedTxt('plain')).toBe('plain');
  });
});

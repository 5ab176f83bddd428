import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMasker } from './masker.js';

const secret = 'p@ss w/ö+"rd\\1';

describe('a masker', () => {
  it('hides a secret wherever it stands in a line', () => {
    const masker = createMasker(['hunter22']);
    expect(masker.mask('password=hunter22, again hunter22')).toBe('password=***, again ***');
    expect(masker.mask('nothing here')).toBe('nothing here');
  });

  it.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ secret })],
    ['in JSON in ASCII, as Python writes it', String.raw`"p@ss w/\u00f6+\"rd\\1"`],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ secret }))],
    ['in a URL', `https://user:${encodeURIComponent(secret)}@host`],
    ['in a URL with small escapes', encodeURIComponent(secret).toLowerCase()],
    ['in a form', new URLSearchParams({ secret }).toString()],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in URL-safe base64', Buffer.from(secret).toString('base64url')],
    ['in a basic authorization header', Buffer.from(`user:${secret}`).toString('base64')],
    ['in base64 with something behind it', Buffer.from(`me:${secret}\n`).toString('base64')],
  ])('hides a secret %s', (_where, text) => {
    const masked = createMasker([secret]).mask(text);
    expect(masked).toContain('***');
    for (const part of ['rd', Buffer.from(secret).toString('base64').slice(4, 12)]) expect(masked).not.toContain(part);
  });

  it('hides every line of a secret of several lines, and all of it in JSON', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n';
    const masker = createMasker([key]);
    expect(key.split('\n').map((line) => masker.mask(line))).toEqual(['***', '***', '***', '***', '']);
    expect(masker.maskValue({ key })).toEqual({ key: '***' });
  });

  it('leaves no end of two secrets that overlap', () => {
    expect(createMasker(['abcdef', 'defghi']).mask('<abcdefghi>')).toBe('<***>');
    expect(createMasker(['abcd', 'abcdefgh']).mask('<abcdefgh>')).toBe('<***>');
  });

  it('ignores values shorter than four characters', () => {
    const masker = createMasker(['', 'yes', 'a']);
    expect(masker.mask('yes, a value')).toBe('yes, a value');
    expect(masker.longestBytes).toBe(0);
  });

  it('masks JSON values deeply: keys, lists, and a number that is a secret', () => {
    const masker = createMasker(['hunter22', '493817']);
    expect(masker.maskValue({ hunter22: [{ deep: 'x hunter22' }, 493817, 4938170, null, true] })).toEqual({
      '***': [{ deep: 'x ***' }, '***', 4938170, null, true],
    });
  });

  it('masks a secret that was registered later', () => {
    const masker = createMasker();
    masker.add('late-secret');
    expect(masker.mask('a late-secret')).toBe('a ***');
  });

  it('treats a secret as text, not as a pattern', () => {
    expect(createMasker(['.*+?[x]']).mask('abcdefg .*+?[x]')).toBe('abcdefg ***');
  });

  it('never leaves a registered secret in a text', () => {
    const long = fc.string({ minLength: 4, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(long, { minLength: 1, maxLength: 4 }),
        fc.string(),
        fc.string(),
        (secrets, before, after) => {
          const masked = createMasker(secrets).mask(before + secrets.join('') + after);
          // What stands between two masks may by chance be part of a shorter secret, never a whole one.
          for (const part of masked.split('***')) for (const one of secrets) expect(part).not.toContain(one);
        },
      ),
    );
  });
});

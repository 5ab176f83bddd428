import { describe, expect, it } from 'vitest';
import { guardedLookup, isRefused } from './refused-addresses.js';

describe('refused addresses', () => {
  it.each(['169.254.169.254', '[fe80::1]', 'fd00:ec2::254', '::ffff:169.254.169.254', '168.63.129.16'])(
    'are where clouds keep credentials: %s',
    (address) => {
      expect(isRefused(address)).toBe(true);
    },
  );
  it.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '::1', 'vcenter.local'])('are no others: %s', (address) => {
    expect(isRefused(address)).toBe(false);
  });
  it('are found behind a name', async () => {
    const asked = (host: string): Promise<string> =>
      new Promise((resolve) =>
        guardedLookup(host, {}, (error, address) => resolve(error ? error.message : JSON.stringify(address))),
      );
    expect(await asked('localhost')).toMatch(/^"(127\.0\.0\.1|::1)"$/);
    // A name that a resolver takes for the number that it is.
    expect(await asked('2852039166')).toContain('169.254.169.254, where clouds keep');
  });
});

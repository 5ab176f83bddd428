import { describe, expect, it } from 'vitest';
import { HostPauses } from './host-pauses.js';

describe('HostPauses', () => {
  it('lets nothing be sent to a host that asked to wait, until the time is over', () => {
    const pauses = new HostPauses();
    pauses.note('a', 5_000, 1_000);
    expect(() => pauses.check('a', 2_500)).toThrow('a asked to wait 4 s longer; nothing was sent');
    expect(() => pauses.check('b', 2_500)).not.toThrow();
    expect(() => pauses.check('a', 6_000)).not.toThrow();
  });
  it('keeps the longest wait', () => {
    const pauses = new HostPauses();
    pauses.note('a', 5_000, 0);
    pauses.note('a', 1_000, 0);
    expect(() => pauses.check('a', 4_000)).toThrow('1 s longer');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInFlight } from './in-flight.js';

describe('requests in flight', () => {
  it('hold back an acknowledgement until the last one that may use an old version has ended', () => {
    const inFlight = createInFlight();
    inFlight.raise({ f: 1 });
    const [one, other] = [inFlight.begin(), inFlight.begin()];
    one.use({ f: 1 });
    other.use({ f: 1 });
    inFlight.raise({ f: 2 });
    expect(inFlight.lowest()).toEqual({ f: 1 });
    one.end();
    expect(inFlight.lowest()).toEqual({ f: 1 });
    other.end();
    expect(inFlight.lowest()).toEqual({ f: 2 });
  });

  it('count with the least that they could get while they evaluate', () => {
    const inFlight = createInFlight();
    inFlight.raise({ f: 1 });
    const request = inFlight.begin();
    inFlight.raise({ f: 2 });
    expect(inFlight.lowest()).toEqual({ f: 1 });
    request.use({ f: 2 });
    expect(inFlight.lowest()).toEqual({ f: 2 });
  });

  it('are told when they were given older versions than they may use, and may evaluate again', () => {
    const inFlight = createInFlight();
    inFlight.raise({ f: 2, g: 1 });
    const request = inFlight.begin();
    expect(request.use({ f: 1, g: 1 })).toBe(false);
    expect(request.use({ f: 3 })).toBe(false);
    expect(request.use({ f: 3, g: 1 })).toBe(true);
    expect(inFlight.lowest()).toEqual({ f: 2, g: 1 });
  });

  it('never begin with less than before, also when a gateway lags behind', () => {
    const inFlight = createInFlight();
    expect(inFlight.raise({ f: 2 })).toBe(true);
    expect(inFlight.raise({ f: 1 })).toBe(false);
    expect(inFlight.lowest()).toEqual({ f: 2 });
  });

  it('never use less than what was reported last, whatever happens in whatever order', () => {
    const event = fc.oneof(
      fc.constant('begin' as const),
      fc.constant('report' as const),
      fc.record({ of: fc.nat(20), to: fc.constantFrom('use', 'end') }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(5))), (events) => {
        const inFlight = createInFlight();
        inFlight.raise({ f: 0 });
        let reported = 0;
        const running: { tracked: ReturnType<typeof inFlight.begin>; used: number | undefined }[] = [];
        for (const [what, version] of events) {
          if (what === 'begin') running.push({ tracked: inFlight.begin(), used: undefined });
          else if (what === 'report') {
            inFlight.raise({ f: version });
            reported = inFlight.lowest()['f'] ?? 0;
          } else {
            const request = running[what.of % Math.max(1, running.length)];
            if (!request) continue;
            if (what.to === 'use' && request.used === undefined && request.tracked.use({ f: version }))
              request.used = version;
            if (what.to === 'end') {
              request.tracked.end();
              running.splice(running.indexOf(request), 1);
            }
          }
          expect(running.filter(({ used }) => used !== undefined && used < reported)).toEqual([]);
        }
      }),
    );
  });
});

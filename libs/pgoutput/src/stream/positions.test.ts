import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Positions } from './positions.js';

/** Printed by a failure; set it in the environment to run the same cases again. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

describe('what the server is told', () => {
  test('is what the consumer said, and never less than before', () => {
    const positions = new Positions(10n);
    expect(positions.acknowledged).toBe(10n);
    positions.committed(20n);
    positions.handedOut(20n);
    expect(positions.acknowledge(20n)).toBe(true);
    expect(positions.acknowledge(15n)).toBe(false);
    expect(positions.acknowledged).toBe(20n);
    expect(() => positions.acknowledge(21n)).toThrow('0/15 was not delivered yet; the last one that was is 0/14');
  });

  test('is offered once for each stretch that others wrote', () => {
    const positions = new Positions(10n);
    positions.quiet(100n);
    expect(positions.offer(91n)).toBeUndefined();
    expect(positions.offer(90n)).toBe(100n);
    expect(positions.offer(1n)).toBeUndefined();
    positions.quiet(90n);
    expect(positions.offer(1n)).toBeUndefined();
    positions.quiet(101n);
    expect(positions.offer(1n)).toBe(101n);
    expect(positions.acknowledged).toBe(10n);
  });

  test('is not offered while a transaction waits to be acknowledged', () => {
    const positions = new Positions(10n);
    positions.committed(20n);
    positions.quiet(100n);
    expect(positions.offer(1n)).toBeUndefined();
    positions.handedOut(20n);
    expect(positions.offer(1n)).toBeUndefined();
    positions.acknowledge(20n);
    expect(positions.offer(1n)).toBe(100n);
  });
});

type Step = { readonly do: 'commit' | 'quiet' | 'hand out' | 'acknowledge' | 'offer'; readonly by: number };

test('whatever happens, nothing is told or offered past what was not acknowledged', () => {
  const step = fc.record<Step>({
    do: fc.constantFrom('commit', 'quiet', 'hand out', 'acknowledge', 'offer'),
    by: fc.nat({ max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const positions = new Positions(0n);
      const open: bigint[] = [];
      const given: bigint[] = [];
      let end = 0n;
      for (const { do: what, by } of steps) {
        const told = positions.acknowledged;
        if (what === 'commit' || what === 'quiet') {
          end += BigInt(by + 1);
          if (what === 'commit') open.push(end);
          positions[what === 'commit' ? 'committed' : 'quiet'](end);
        } else if (what === 'hand out') {
          const next = open[given.length];
          if (next !== undefined) given.push(next);
          if (next !== undefined) positions.handedOut(next);
        } else if (what === 'acknowledge') {
          const next = given[by % Math.max(1, given.length)];
          if (next !== undefined) positions.acknowledge(next);
        } else {
          const offered = positions.offer(BigInt(by + 1));
          const waiting = open.filter((each) => each > positions.acknowledged);
          if (offered !== undefined) expect(waiting).toEqual([]);
        }
        expect(positions.acknowledged >= told).toBe(true);
        expect(positions.acknowledged === 0n || given.includes(positions.acknowledged)).toBe(true);
      }
    }),
    { seed },
  );
});

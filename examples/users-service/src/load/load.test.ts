import { describe, expect, it } from 'vitest';
import { createBook } from './book.js';
import { nameOf, shownName } from './names.js';
import { DEFAULT_MIX, nextOperation } from './operations.js';
import { seededRandom } from './random.js';
import { createTally } from './tally.js';

describe('a load', () => {
  it('never has two requests about one user at once, and forgets users of whom it does not know what became', () => {
    const random = seededRandom(7);
    const book = createBook();
    const inFlight = new Map<string, ReturnType<typeof nextOperation>>();
    const lost = new Set<string>();
    for (let serial = 0; serial < 5_000; serial++) {
      const operation = nextOperation(book, DEFAULT_MIX, random, serial);
      const id = operation.name === 'create' ? `new-${serial}` : (operation.path.split('/')[2] ?? '');
      expect(inFlight.has(id)).toBe(false);
      expect(lost.has(id)).toBe(false);
      inFlight.set(id, operation);
      if (inFlight.size < 10) continue;
      const [[first, due] = []] = inFlight;
      inFlight.delete(first ?? '');
      if (serial % 50 === 0) lost.add(first ?? '');
      else due?.done({});
    }
    expect(book.size).toBeGreaterThan(100);
  });

  it('tells reads that do not give what was written last', () => {
    const book = createBook();
    const random = seededRandom(1);
    nextOperation(book, { ...DEFAULT_MIX }, random, 0).done({});
    const only = { read: 1, create: 0, rename: 0, email: 0, delete: 0 };
    const read = nextOperation(book, only, random, 1);
    expect(read).toMatchObject({ name: 'read', method: 'GET' });
    expect(read.done({ name: 'somebody else', email: 'x' })).toMatchObject({ got: { name: 'somebody else' } });
    const again = nextOperation(book, only, random, 2);
    const { name, email } = (read.done({}) as { wanted: { name: string; email: string } }).wanted;
    expect(again.done({ name, email })).toBeUndefined();
  });

  it('uses names that differ each time', () => {
    const random = seededRandom(3);
    const names = Array.from({ length: 1_000 }, (_, serial) => shownName(nameOf(random, serial)));
    expect(new Set(names).size).toBe(1_000);
  });

  it('reports latencies of what was served and counts of what was not', () => {
    const tally = createTally(250);
    for (let ms = 1; ms <= 100; ms++) tally.served('read', ms);
    tally.served('rename', 251);
    tally.failed('rename', '503', 'over');
    tally.failed('rename', '503', 'over');
    tally.mismatched({ id: 'a', wanted: 1, got: 2 });
    expect(tally.report({ seed: 1, durationMs: 1_000 })).toMatchObject({
      sent: 103,
      served: 101,
      failed: 2,
      slow: 1,
      mismatched: 1,
      failures: { 'rename 503': 2 },
      firstFailures: ['rename 503: over', 'rename 503: over'],
      operations: { read: 100, rename: 3 },
      latencyMs: { p50: 51, p90: 91, p99: 100, max: 251 },
    });
    expect(createTally(1).report({ seed: 1, durationMs: 0 })).toMatchObject({ sent: 0, latencyMs: { p50: 0, max: 0 } });
  });
});

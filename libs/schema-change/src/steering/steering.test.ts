import { throttleSchema } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import { CHUNK_SIZING, newChunkSizer, sizeNextChunk } from './chunk-size.js';
import { newPace, progressOf, samplePace } from './progress.js';
import { GAUGES, STALE_MS, throttle, type GaugeName, type Readings } from './throttle.js';

/** Runs chunks on a table where a unit takes so many milliseconds. */
const run = (sizer: ReturnType<typeof newChunkSizer>, msPerUnit: number, chunks: number) => {
  let next = sizer;
  for (let i = 0; i < chunks; i++) next = sizeNextChunk(next, { units: next.size, ms: next.size * msPerUnit });
  return next;
};

describe('sizeNextChunk', () => {
  test('finds the size that takes the target, from below and from above', () => {
    expect(run(newChunkSizer(1), 0.1, 40).size * 0.1).toBeCloseTo(25, 0);
    expect(run(newChunkSizer(1_000), 0.1, 40).size * 0.1).toBeCloseTo(25, 0);
  });

  test('grows by at most half a step', () => {
    expect(sizeNextChunk(newChunkSizer(100), { units: 100, ms: 0.001 }).size).toBe(150);
  });

  test('falls at once after a chunk that took five times the target, or was cancelled', () => {
    const slow = sizeNextChunk(newChunkSizer(100), { units: 100, ms: 126 });
    expect(slow).toEqual({ size: 10, recent: [], pinned: 0 });
    expect(sizeNextChunk(newChunkSizer(100), { units: 100, ms: 1, timedOut: true }).size).toBe(10);
  });

  test('one slow chunk among ten counts, one fast does not', () => {
    const steady = run(newChunkSizer(250), 0.1, 10);
    const slow = sizeNextChunk(steady, { units: steady.size, ms: 100 });
    expect(sizeNextChunk(slow, { units: slow.size, ms: slow.size * 0.4 }).size).toBeLessThan(steady.size);
    expect(sizeNextChunk(steady, { units: steady.size, ms: 1 }).size).toBeLessThanOrEqual(steady.size + 1);
  });

  test('pauses that come whatever the size is do not keep a chunk small', () => {
    let sizer = newChunkSizer(4);
    for (let i = 0; i < 60; i++) {
      const ms = 2 + 0.5 * sizer.size + (i % 4 === 0 ? 20 : 0);
      sizer = sizeNextChunk(sizer, { units: sizer.size, ms });
    }
    expect(sizer.size).toBeGreaterThan(35);
    expect(sizer.size).toBeLessThan(60);
  });

  test('stays between its bounds and counts how often the floor was too slow', () => {
    expect(run(newChunkSizer(1), 0.00001, 60).size).toBe(CHUNK_SIZING.largest);
    const stuck = run(newChunkSizer(1), 60, 4);
    expect(stuck).toMatchObject({ size: 1, pinned: 4 });
    expect(sizeNextChunk(stuck, { units: 1, ms: 1 }).pinned).toBe(0);
  });
});

describe('throttle', () => {
  const NOW = 1_000_000;
  const limits = throttleSchema.parse({ diskFreeBytes: 1_000, autovacuumRunning: 0 });
  const fine: Readings = {
    replicaLagSeconds: { value: 0, at: NOW },
    slotWalBytes: { value: 0, at: NOW },
    lockWaiters: { value: 0, at: NOW },
    longestTransactionSeconds: { value: 0, at: NOW },
    writerLatencyMs: { value: 0, at: NOW },
    diskFreeBytes: { value: 1e9, at: NOW },
    autovacuumRunning: { value: 0, at: NOW },
  };
  const kinds = (readings: Readings, stoppedBy: GaugeName[] = []) =>
    throttle({ limits, readings, now: NOW, stoppedBy }).reasons.map(({ gauge, kind }) => `${gauge} ${kind}`);

  test('goes on when every gauge is within its limit', () => {
    expect(throttle({ limits, readings: fine, now: NOW })).toEqual({ go: true, reasons: [] });
  });

  test('each gauge alone stops it, by its name', () => {
    for (const gauge of GAUGES) {
      const bad = gauge === 'diskFreeBytes' ? 1 : 1e12;
      expect(kinds({ ...fine, [gauge]: { value: bad, at: NOW } })).toEqual([
        `${gauge} ${gauge === 'diskFreeBytes' ? 'under' : 'over'}`,
      ]);
    }
  });

  test('fails closed: a gauge that is missing, stale or not a number stops it', () => {
    for (const gauge of GAUGES) {
      const { [gauge]: _, ...rest } = fine;
      expect(kinds(rest)).toEqual([`${gauge} missing`]);
      expect(kinds({ ...fine, [gauge]: { value: Number.NaN, at: NOW } })).toEqual([`${gauge} missing`]);
      expect(kinds({ ...fine, [gauge]: { value: 0, at: NOW - STALE_MS - 1 } })).toContain(`${gauge} stale`);
    }
    expect(throttle({ limits, readings: {}, now: NOW }).go).toBe(false);
  });

  test('a gauge without a limit is not asked', () => {
    const none = throttleSchema.parse(Object.fromEntries(GAUGES.map((gauge) => [gauge, null])));
    expect(throttle({ limits: none, readings: {}, now: NOW }).go).toBe(true);
  });

  test('what stopped it must come well below its limit again', () => {
    const near = { ...fine, replicaLagSeconds: { value: 9, at: NOW } };
    expect(kinds(near)).toEqual([]);
    expect(kinds(near, ['replicaLagSeconds'])).toEqual(['replicaLagSeconds over']);
    expect(kinds({ ...fine, diskFreeBytes: { value: 1_100, at: NOW } }, ['diskFreeBytes'])).toEqual([
      'diskFreeBytes under',
    ]);
  });

  test('a reason can be read by a person', () => {
    const [reason] = throttle({ limits, readings: { ...fine, lockWaiters: { value: 3, at: NOW } }, now: NOW }).reasons;
    expect(reason?.message).toBe('sessions waiting for a lock on the table: 3, at most 0 wanted');
  });
});

describe('progress', () => {
  test('rate and time left follow what was done, pauses included', () => {
    let pace = newPace(0, 0);
    for (let i = 1; i <= 10; i++) pace = samplePace(pace, i * 100, i * 1_000);
    expect(progressOf(pace, 2_000)).toEqual({ percent: 50, perSecond: 100, secondsLeft: 10 });
    const paused = samplePace(pace, 1_000, 40_000);
    expect(paused.perSecond).toBeLessThan(20);
    expect(progressOf(paused, 2_000).secondsLeft).toBeGreaterThan(50);
  });

  test('100 % is said only at the end, and no time is guessed while nothing moves', () => {
    expect(progressOf({ perSecond: 0, done: 99_999, at: 0 }, 100_000)).toEqual({
      percent: 99.9,
      perSecond: 0,
      secondsLeft: null,
    });
    expect(progressOf(newPace(0, 0), 0)).toEqual({ percent: 100, perSecond: 0, secondsLeft: 0 });
    expect(samplePace(newPace(5, 10), 9, 10)).toEqual(newPace(5, 10));
  });
});

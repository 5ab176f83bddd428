import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChangeSource, SourceEvent } from '../source/change-source.js';
import { StreamFigures } from './figures.js';
import { Intake } from './intake.js';
import { Reading, type Wanted } from './reading.js';

/** A source that says its words when it is asked, and counts how often it was. */
function sourceOf(words: AsyncIterable<readonly SourceEvent[]>) {
  let asked = 0;
  const source: ChangeSource = {
    events: {
      async *[Symbol.asyncIterator]() {
        for await (const word of words) {
          asked++;
          yield word;
        }
      },
    },
    acknowledge: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { source, asked: () => asked };
}

async function* transactions(from: number, to: number): AsyncGenerator<readonly SourceEvent[]> {
  for (let i = from; i <= to; i++) {
    yield [
      { kind: 'begin', xid: String(i), committedAt: i },
      { kind: 'change', key: [String(i)] },
      { kind: 'commit', position: `0/${i}` },
    ];
  }
}

function readingOf(words: AsyncIterable<readonly SourceEvent[]>, signal = new AbortController().signal) {
  const intake = new Intake();
  const { source, asked } = sourceOf(words);
  return { reading: new Reading({ source, intake, figures: new StreamFigures(1), signal }), intake, asked };
}

const wanted = (keys: number, untilMs: number, withinMs?: number): Wanted => ({
  keys,
  until: performance.now() + untilMs,
  withinMs,
});

describe('Reading', () => {
  it('gathers a whole batch, and reads no further than a word while the batch is applied', async () => {
    const { reading, intake, asked } = readingOf(transactions(1, 1_000));
    expect(await reading.gather(wanted(50, 60_000))).toBe(true);
    expect(intake.size).toBe(50);
    await sleep(20);
    expect(asked()).toBeLessThanOrEqual(51);
    await reading.stop();
  });

  it('takes less than a batch when the time is up, with all that is there already', async () => {
    async function* oneThenSilence() {
      yield* transactions(1, 3);
      await new Promise(() => undefined);
    }
    const { reading, intake } = readingOf(oneThenSilence());
    expect(await reading.gather(wanted(50, -1))).toBe(true);
    expect(intake.take()).toMatchObject({ keys: [['1'], ['2'], ['3']], position: '0/3' });
  });

  it('comes back empty-handed when nothing comes in time', async () => {
    const { reading, intake } = readingOf(
      (async function* () {
        await new Promise(() => undefined);
        yield [];
      })(),
    );
    expect(await reading.gather(wanted(50, 0, 10))).toBe(true);
    expect(intake.isEmpty).toBe(true);
  });

  it('gives everything that came before the source was lost, then the reason', async () => {
    const { reading, intake } = readingOf(
      (async function* () {
        yield* transactions(1, 2);
        throw new Error('the slot is gone');
      })(),
    );
    expect(await reading.gather(wanted(50, 60_000))).toBe(true);
    expect(intake.take().keys).toEqual([['1'], ['2']]);
    await expect(reading.gather(wanted(50, 60_000))).rejects.toThrow('the slot is gone');
  });

  it('says so when the source has ended', async () => {
    const { reading } = readingOf(transactions(1, 0));
    expect(await reading.gather(wanted(50, 60_000))).toBe(false);
  });

  it('ends with its signal', async () => {
    const stop = new AbortController();
    const { reading } = readingOf(
      (async function* () {
        await new Promise(() => undefined);
        yield [];
      })(),
      stop.signal,
    );
    const gathering = reading.gather(wanted(50, 60_000));
    stop.abort(new Error('stopped'));
    await expect(gathering).rejects.toThrow('stopped');
  });
});

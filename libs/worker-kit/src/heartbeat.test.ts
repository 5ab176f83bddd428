import { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { activity } from './activity.js';
import { heartbeatInterval, heartbeatWhile, type HeartbeatOptions } from './heartbeat.js';

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

function environment(heartbeatDetails?: unknown): { env: MockActivityEnvironment; beats: unknown[] } {
  const env = new MockActivityEnvironment({ heartbeatTimeoutMs: 150, heartbeatDetails });
  const beats: unknown[] = [];
  env.on('heartbeat', (details: unknown) => beats.push(details));
  return { env, beats };
}

const run = <T>(env: MockActivityEnvironment, work: (signal: AbortSignal) => Promise<T>, options?: HeartbeatOptions) =>
  env.run(activity('test', () => heartbeatWhile(Context.current(), work, options)));

describe('heartbeatWhile', () => {
  it('beats on a timer while the work is silent, and no longer', async () => {
    const { env, beats } = environment();
    const enough = new Promise((resolve) => env.on('heartbeat', () => beats.length > 2 && resolve(undefined)));
    let checkpoint = 0;
    expect(await run(env, () => enough.then(() => 'done'), { details: () => ++checkpoint })).toBe('done');
    expect(beats.slice(0, 3)).toEqual([1, 2, 3]);
    const after = beats.length;
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(beats).toHaveLength(after);
  });

  it('carries on what the last attempt left until there is something new', async () => {
    const { env, beats } = environment('checkpoint 7');
    await run(env, async () => undefined);
    expect(beats).toEqual(['checkpoint 7']);
    const broken = environment('checkpoint 8');
    await run(broken.env, async () => undefined, {
      details: () => {
        throw new Error('not yet');
      },
    });
    expect(broken.beats).toEqual(['checkpoint 8']);
  });

  it.each(['CANCELLED', 'WORKER_SHUTDOWN'] as const)(
    'throws the cancellation (%s) in place of what it led to',
    async (reason) => {
      const { env } = environment();
      const running = run(env, async (signal) => {
        await aborted(signal);
        throw new Error('the program was ended');
      });
      env.cancel(reason);
      await expect(running).rejects.toThrow(CancelledFailure);
      await expect(running).rejects.toThrow(reason);
    },
  );

  it('keeps the result of work that was done in spite of a cancel', async () => {
    const { env } = environment();
    const running = run(env, async (signal) => {
      await aborted(signal);
      return 'applied';
    });
    env.cancel('CANCELLED');
    expect(await running).toBe('applied');
  });

  it('hands on an error that no cancel caused, with its code', async () => {
    const { env } = environment();
    const running = run(env, async () => {
      throw new Error('odd');
    });
    await expect(running).rejects.toMatchObject({ type: 'Internal', message: 'odd' });
  });
});

describe('heartbeatInterval', () => {
  it('is a third of the time-out, and at most a second', () => {
    expect(heartbeatInterval(900)).toBe(300);
    expect(heartbeatInterval(60_000)).toBe(1_000);
    expect(heartbeatInterval(undefined)).toBe(1_000);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFileLock, withFreeFileLock } from '../src/index.js';

// Another process needs the built library.
const HOLDER = fileURLToPath(new URL('fixtures/holds-lock.mjs', import.meta.url));

let base: string;
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'file-lock-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

describe('withFileLock', () => {
  it('lets one in at a time, of many that come at once', async () => {
    const lock = path.join(base, 'lock');
    let inside = 0;
    let most = 0;
    const enter = (): Promise<void> =>
      withFileLock(lock, async () => {
        inside += 1;
        most = Math.max(most, inside);
        for (let turn = 0; turn < 20; turn++) await setImmediate();
        inside -= 1;
      });
    await Promise.all(Array.from({ length: 30 }, enter));
    expect(most).toBe(1);
    expect((await readdir(lock)).toSorted()).toEqual(['30', '30.done']);
  });

  it('is free again after an error', async () => {
    await expect(withFileLock(base, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(withFileLock(base, async () => 'in')).resolves.toBe('in');
  });

  it('can be left alone where somebody has it', async () => {
    const inside = await withFileLock(base, () => withFreeFileLock(base, async () => 'in'));
    expect(inside).toBeUndefined();
    await expect(withFreeFileLock(base, async () => 'in')).resolves.toBe('in');
    await expect(withFreeFileLock(base, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('waits for another process while it lives, and takes over when it was killed', async () => {
    const holder = spawn(process.execPath, [HOLDER, base], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    const stop = new AbortController();
    const waiting = withFileLock(base, async () => 'in', { signal: stop.signal, onWait: () => stop.abort() });
    await expect(waiting).rejects.toThrow('abort');
    const exited = once(holder, 'exit');
    const taken = Promise.all(
      Array.from({ length: 5 }, () => withFileLock(base, async () => 'in', { onWait: () => holder.kill('SIGKILL') })),
    );
    await exited;
    await expect(taken).resolves.toEqual(Array(5).fill('in'));
  });
});

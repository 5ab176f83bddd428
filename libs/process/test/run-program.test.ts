import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createMasker, endMarked, findMarked, runProgram, type ProgramOptions, type RunResult } from '../src/index.js';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const marker = `test/run-program/${process.pid}`;

const node = (args: readonly string[], options: Partial<ProgramOptions> = {}): Promise<RunResult> =>
  runProgram({ command: process.execPath, args, marker, ...options });
const shell = (script: string, options: Partial<ProgramOptions> = {}): Promise<RunResult> =>
  runProgram({ command: '/bin/sh', args: ['-c', script], marker, ...options });

const impatient = { signals: [{ signal: 'SIGINT', graceMs: 500, to: 'group' }] } as const;

/** Aborts when the program has written `ready` so many times. */
function abortWhenReady(times = 1): { signal: AbortSignal; onLine: NonNullable<ProgramOptions['onLine']> } {
  const controller = new AbortController();
  let seen = 0;
  return {
    signal: controller.signal,
    onLine: (_stream, text) => {
      if (text === 'ready' && ++seen === times) controller.abort(new Error('asked to stop'));
    },
  };
}

afterEach(async () => {
  const left = await findMarked(marker);
  if (left.length > 0) throw new Error(`the test left ${JSON.stringify(left)}`);
});

describe('runProgram tells how a program ended', () => {
  it('returns the exit code and the last lines of a program that fails', async () => {
    const result = await shell('echo one; echo two >&2; exit 3');
    expect(result).toMatchObject({ ended: 'exited', exitCode: 3, signal: null, leftovers: [], eventsComplete: true });
    expect(result.tail.toSorted()).toEqual(['one', 'two']);
    expect(result.durationMs).toBeGreaterThan(0);
  });

  it('tells a signal that came from elsewhere from one of its own', async () => {
    expect(await shell('kill -KILL $$')).toMatchObject({ ended: 'signalled', signal: 'SIGKILL', exitCode: null });
  });

  it('names a program that does not exist', async () => {
    const result = await node([], { command: 'no-such-program' });
    expect(result).toMatchObject({ ended: 'not-started', exitCode: null });
    expect(result.reason).toContain('"no-such-program" could not be started');
  });

  it('names a working directory that does not exist', async () => {
    const result = await shell('true', { cwd: '/no/such/directory' });
    expect(result).toMatchObject({ ended: 'not-started' });
    expect(result.reason).toContain('"/no/such/directory"');
  });

  it('names the cause when a file is no program', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'process-'));
    const file = path.join(directory, 'not-a-program');
    await writeFile(file, 'text', { mode: 0o644 });
    const result = await node([], { command: file });
    await rm(directory, { recursive: true });
    expect(result.ended).toBe('not-started');
    expect(result.reason).toContain('EACCES');
  });

  it('does not start a program that was cancelled before', async () => {
    const result = await shell('echo started', { signal: AbortSignal.abort(new Error('too late')) });
    expect(result).toMatchObject({ ended: 'not-started', reason: 'cancelled before the start: too late', tail: [] });
  });

  it('gives the program its environment and the marker, and nothing of the worker', async () => {
    process.env['DB_PASSWORD_SERVER'] = 'not-for-playbooks';
    const result = await shell('env', { tailLines: 1_000 });
    delete process.env['DB_PASSWORD_SERVER'];
    expect(result.tail.some((line) => line.startsWith(`SWITCHYARD_RUN=${marker}/`))).toBe(true);
    expect(result.tail.some((line) => line.startsWith('PATH='))).toBe(true);
    expect(result.tail.join('\n')).not.toContain('not-for-playbooks');
  });

  it('hands input over, and does not mind a program that reads none of it', async () => {
    expect(await shell('cat', { input: 'given\ntwice\n' })).toMatchObject({ tail: ['given', 'twice'] });
    expect(await shell('exit 0', { input: 'x'.repeat(1_000_000) })).toMatchObject({ ended: 'exited', exitCode: 0 });
  });
});

describe('runProgram ends a whole tree', () => {
  it('lets a program save its state on the first signal', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'process-'));
    const ready = abortWhenReady();
    const result = await node([fixture('saves-on-interrupt.mjs'), path.join(directory, 'state')], ready);
    await rm(directory, { recursive: true });
    expect(result).toMatchObject({ ended: 'cancelled', reason: 'asked to stop', exitCode: 1, leftovers: [] });
  });

  it('leaves nothing of a program that ignores signals and hides a child in another session', async () => {
    const result = await node([fixture('ignores-signals.mjs'), 'with-escaped-child'], {
      ...abortWhenReady(2),
      cancel: impatient,
    });
    expect(result).toMatchObject({ ended: 'cancelled', signal: 'SIGKILL', leftovers: [] });
    expect(result.tail).toContain('ignored SIGINT');
  });

  it('ends a program that takes too long, and keeps that cause when a cancel follows', async () => {
    const controller = new AbortController();
    const running = shell('trap "" INT; while :; do sleep 0.05; done', {
      timeoutMs: 100,
      signal: controller.signal,
      cancel: impatient,
    });
    await sleep(200);
    controller.abort();
    expect(await running).toMatchObject({ ended: 'timed-out', reason: 'no end within 100 ms', leftovers: [] });
  });

  it('goes through the stages in order', async () => {
    const signals: string[] = [];
    const ready = abortWhenReady();
    const result = await node([fixture('ignores-signals.mjs')], {
      signal: ready.signal,
      onLine: (stream, text) => {
        if (text.startsWith('ignored ')) signals.push(text);
        return ready.onLine(stream, text);
      },
      cancel: {
        signals: [
          { signal: 'SIGINT', graceMs: 1_000, to: 'leader' },
          { signal: 'SIGTERM', graceMs: 1_000, to: 'group' },
        ],
      },
    });
    expect(signals).toEqual(['ignored SIGINT', 'ignored SIGTERM']);
    expect(result.signal).toBe('SIGKILL');
  });

  it('ends what a program left behind, and does not wait for the pipe that it holds', async () => {
    const result = await node([fixture('leaves-orphan.mjs')]);
    expect(result).toMatchObject({ ended: 'exited', exitCode: 0, leftovers: [] });
  });

  it('leaves a daemon when asked to, and names it', async () => {
    const result = await node([fixture('leaves-orphan.mjs')], { outliving: 'leave' });
    expect(result).toMatchObject({ ended: 'exited', exitCode: 0, leftovers: [{ name: expect.any(String) }] });
    expect(await endMarked(marker, impatient)).toEqual([]);
  });

  it('does not touch a program of the same activity when another one ends', async () => {
    const other = shell('sleep 1; echo unharmed');
    await shell('true');
    expect(await other).toMatchObject({ ended: 'exited', exitCode: 0, tail: ['unharmed'] });
  });

  it('finds a group member that dropped its environment', async () => {
    const result = await shell('env -i /bin/sleep 60 & echo ready; sleep 60', {
      ...abortWhenReady(),
      cancel: { signals: [{ signal: 'SIGTERM', graceMs: 1_000, to: 'leader' }] },
    });
    expect(result).toMatchObject({ ended: 'cancelled', leftovers: [] });
  });
});

describe('runProgram reads output', () => {
  it('loses no line of a flood, in order, with a slow reader and without memory growing', async () => {
    let next = 1;
    let inOrder = true;
    const before = process.memoryUsage().rss;
    let peak = before;
    const result = await node([fixture('floods.mjs'), '100000'], {
      onLine: (_stream, text) => {
        inOrder &&= text.startsWith(`line ${next} `);
        next += 1;
        if (next % 1_000 !== 0) return undefined;
        peak = Math.max(peak, process.memoryUsage().rss);
        return sleep(2);
      },
    });
    expect(result.exitCode).toBe(0);
    expect(next - 1).toBe(100_000);
    expect(inOrder).toBe(true);
    expect(result.tail.at(-1)).toBe('line 100000 of a long output that goes on and on');
    expect(peak - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('stops a program whose reader does not keep up', async () => {
    const gate = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    let lines = 0;
    const running = node([fixture('floods.mjs'), '100000'], {
      onLine: () => {
        lines += 1;
        first.resolve();
        return gate.promise;
      },
    });
    await first.promise;
    await sleep(300);
    expect(lines).toBe(1);
    expect(await findMarked(marker)).toHaveLength(1);
    gate.resolve();
    await running;
    expect(lines).toBe(100_000);
  });

  it('keeps what was written just before the exit', async () => {
    const result = await node(['-e', 'require("fs").writeSync(1, "x\\n".repeat(50000)); process.exit(0)'], {
      tailLines: 100_000,
      onLine: () => (Math.random() < 0.001 ? sleep(1) : undefined),
    });
    expect(result.tail).toHaveLength(50_000);
  });

  it('cuts a long line with a mark, and a secret at the cut leaves no part', async () => {
    const mask = createMasker(['correct-horse-battery']);
    const line = `${'a'.repeat(95)}correct-horse-battery${'b'.repeat(5_000)}`;
    const { tail } = await shell(`printf '%s\\n' "${line}"`, { mask, maxLineBytes: 100 });
    expect(tail).toHaveLength(1);
    expect(tail[0]).toMatch(/^a{95}\*\*\*b* \[cut: \d+ more\]$/);
  });

  it('survives bytes that are not UTF-8', async () => {
    const { tail } = await shell(String.raw`printf 'a\377b\n\303\244\n'`);
    expect(tail).toEqual(['a\uFFFDb', 'ä']);
  });

  it('masks lines, events, tail and reasons', async () => {
    const mask = createMasker(['s3cr3t-value']);
    const events: unknown[] = [];
    const lines: string[] = [];
    const result = await node([fixture('writes-events.mjs'), JSON.stringify('{"token":"s3cr3t-value"}\n')], {
      env: { EVENT_FD: '' },
      mask,
      onLine: (_stream, text) => void lines.push(text),
      events: { envName: 'EVENT_FD', onEvent: (value) => void events.push(value) },
    });
    const missing = await node([], { command: './s3cr3t-value', mask });
    expect(events).toEqual([{ token: '***' }]);
    expect(JSON.stringify([lines, result, missing])).not.toContain('s3cr3t-value');
  });

  it('gives stdout as bytes when asked, and stderr still by line', async () => {
    const chunks: Uint8Array[] = [];
    const result = await shell(String.raw`printf '\000\377\n'; echo words >&2`, {
      onStdoutBytes: (chunk) => void chunks.push(chunk),
    });
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 255, 10]));
    expect(result.tail).toEqual(['words']);
  });

  it('ends the program and rejects with the error of a listener', async () => {
    const running = shell('echo first; sleep 60', {
      onLine: () => {
        throw new Error('the store is gone');
      },
      cancel: impatient,
    });
    await expect(running).rejects.toThrow('the store is gone');
  });
});

describe('runProgram reads events from a descriptor of their own', () => {
  const events = async (text: string, maxEventBytes = 1_000): Promise<[RunResult, unknown[], string[]]> => {
    const seen: unknown[] = [];
    const damaged: string[] = [];
    const result = await node([fixture('writes-events.mjs'), JSON.stringify(text)], {
      events: {
        envName: 'EVENT_FD',
        maxEventBytes,
        onEvent: async (value) => {
          await sleep(1);
          seen.push(value);
        },
        onDamaged: (line) => void damaged.push(line),
      },
    });
    return [result, seen, damaged];
  };

  it('gives each value in order, the last one without a line end too', async () => {
    const [result, seen, damaged] = await events('{"n":1}\n\n{"n":2}\n{"n":3}');
    expect(seen).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(damaged).toEqual([]);
    expect(result.eventsComplete).toBe(true);
  });

  it('tells damaged and unfinished lines, and goes on after them', async () => {
    const [result, seen, damaged] = await events('{"n":1}\nTraceback (most recent call last)\n{"n":2}\n{"n":');
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    expect(damaged).toEqual(['Traceback (most recent call last)', '{"n":']);
    expect(result.eventsComplete).toBe(false);
  });

  it('refuses an event that is too long', async () => {
    const [result, seen, damaged] = await events(`{"n":"${'x'.repeat(5_000)}"}\n{"n":2}\n`);
    expect(seen).toEqual([{ n: 2 }]);
    expect(damaged).toEqual(['[event of 5008 bytes, longer than 1000]']);
    expect(result.eventsComplete).toBe(false);
  });
});

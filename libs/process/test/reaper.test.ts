import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_ENDING, endMarked, findMarked, runProgram, startReaper, type Reaper } from '../src/index.js';
import { parseStat } from '../src/process-table.js';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
// The sidecar is a program of its own: tests run the built one.
const entry = new URL('../dist/reaper-main.js', import.meta.url);
const marker = `test/reaper/${process.pid}`;

/** Whether a process runs. A zombie does not: on some machines the first process takes seconds to collect it. */
const exists = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return parseStat(stat) !== undefined;
};

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(50);
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'reaper-'));
});

afterEach(async () => {
  await endMarked(marker, { signals: [] });
  await rm(directory, { recursive: true });
});

describe('the reaper', () => {
  it('ends everything of a worker that was killed, and lets a program save its state', async () => {
    const stateFile = path.join(directory, 'state');
    const worker = spawn(
      process.execPath,
      [fixture('worker.mjs'), marker, fixture('saves-on-interrupt.mjs'), fixture('ignores-signals.mjs'), stateFile],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line]: unknown[] = await once(createInterface({ input: worker.stdout }), 'line');
    const reaperPid = Number(String(line).split(' ')[1]);
    expect(await findMarked(marker)).toHaveLength(3);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    // The reaper shrugs off what a service manager sends to the whole service.
    process.kill(reaperPid, 'SIGTERM');
    await eventually(async () => (await findMarked(marker)).length === 0);
    expect(await readFile(stateFile, 'utf8')).toBe('saved');
    await eventually(async () => !(await exists(reaperPid)));
  });

  it('misses no program that was being started when the worker was killed', { timeout: 120_000 }, async () => {
    for (let round = 0; round < 5; round++) {
      const worker = spawn(process.execPath, [fixture('starts-many.mjs'), marker], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line]: unknown[] = await once(createInterface({ input: worker.stdout }), 'line');
      await sleep(Math.random() * 40);
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      await eventually(async () => !(await exists(Number(String(line).split(' ')[1]))));
      expect(await findMarked(marker)).toEqual([]);
    }
  });

  it('leaves alone what is no longer watched, and ends with its worker', async () => {
    const reaper = startReaper({ entry });
    const pid = reaper.pid ?? 0;
    const program = spawn('/bin/sleep', ['60'], { detached: true, env: { SWITCHYARD_RUN: marker } });
    await reaper.watch(marker, DEFAULT_ENDING);
    await reaper.unwatch(marker);
    await reaper.close();
    expect(await exists(pid)).toBe(false);
    expect(await findMarked(marker)).toHaveLength(1);
    program.kill('SIGKILL');
    await once(program, 'exit');
  });

  it('is replaced when it dies, and the new one knows what to watch', async () => {
    const reaper = startReaper({ entry });
    const first = reaper.pid ?? 0;
    await reaper.watch(marker, { signals: [] });
    const program = spawn('/bin/sleep', ['60'], { detached: true, env: { SWITCHYARD_RUN: marker } });
    const ended = once(program, 'exit');
    process.kill(first, 'SIGKILL');
    await eventually(() => reaper.pid !== first);
    await reaper.watch(`${marker}/other`, { signals: [] });
    await reaper.close();
    expect((await ended)[1]).toMatch(/SIG(TERM|KILL)/);
  });

  it('forgets a program that ended by itself', async () => {
    const reaper: Reaper = startReaper({ entry });
    const result = await runProgram({ command: '/bin/true', marker, reaper });
    expect(result).toMatchObject({ ended: 'exited', exitCode: 0 });
    await reaper.close();
    await expect(reaper.watch(marker, DEFAULT_ENDING)).rejects.toThrow('the reaper is closed');
  });

  it('says so when it cannot be started', async () => {
    const reaper = startReaper({ entry: new URL('fixtures/no-such-reaper.js', import.meta.url) });
    await expect(reaper.watch(marker, DEFAULT_ENDING)).rejects.toThrow('the reaper does not start');
    await reaper.close();
  });
});

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, portFrom } from '../src/processes/ports.js';
import { endProcesses, identify, isRunning, processesWithEnvironment } from '../src/processes/processes.js';
import { runProgram } from '../src/processes/run-program.js';

const started: number[] = [];

afterEach(() => {
  for (const pid of started.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // ended as it should
    }
  }
});

async function start(script: string, env: Readonly<Record<string, string>> = {}) {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore', env: { ...process.env, ...env } });
  const pid = child.pid ?? 0;
  started.push(pid);
  const identity = await identify(pid);
  if (identity === undefined) throw new Error('it did not start');
  return identity;
}

describe('a process', () => {
  it('is another one when only the pid is the same', async () => {
    const identity = await start('sleep 60');
    expect(await isRunning(identity)).toBe(true);
    expect(await isRunning({ ...identity, startedAt: '1' })).toBe(false);
    await endProcesses([{ ...identity, startedAt: '1' }]);
    expect(await isRunning(identity)).toBe(true);
  });

  it('is found by what its environment holds, also when its parent is gone', async () => {
    const value = randomBytes(8).toString('hex');
    const parent = await start('sleep 60 & sleep 60', { STACK_TEST: value });
    const marked = () => processesWithEnvironment(`STACK_TEST=${value}`);
    while ((await marked()).length < 3) await sleep(10); // the shell and what it starts
    process.kill(parent.pid, 'SIGKILL');
    while (await isRunning(parent)) await sleep(10);
    expect(await marked()).toHaveLength(2);
    await endProcesses(await marked());
    expect(await marked()).toEqual([]);
  });

  it('is killed when it does not end by the polite signal', async () => {
    const identity = await start(`trap '' TERM; while :; do sleep 1; done`);
    await endProcesses([identity], { graceMs: 200 });
    expect(await isRunning(identity)).toBe(false);
  });
});

describe('runProgram', () => {
  it('kills everything that a program started when time is up', async () => {
    const value = randomBytes(8).toString('hex');
    const result = await runProgram('/bin/sh', ['-c', 'sleep 60 & sleep 60'], {
      timeoutMs: 200,
      env: { ...process.env, STACK_TEST: value },
    });
    expect(result).toMatchObject({ ok: false, how: 'no end after 0 s' });
    expect(await processesWithEnvironment(`STACK_TEST=${value}`)).toEqual([]);
  });

  it('gives a missing program as a result', async () => {
    expect((await runProgram('/no/such/program', [])).how).toContain('ENOENT');
  });
});

describe('portFrom', () => {
  it('leaves the choice to the server when the variable is not set', async () => {
    expect(await portFrom({}, 'PORT')).toBeUndefined();
  });

  it.each(['http', '70000', '-1', '1.5'])('refuses %s', async (text) => {
    await expect(portFrom({ PORT: text }, 'PORT')).rejects.toThrow(`PORT=${text} is not a port`);
  });

  it('refuses a port that is taken', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    try {
      await expect(portFrom({ PORT: String(port) }, 'PORT')).rejects.toThrow('is taken by another program');
    } finally {
      server.close();
    }
  });
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { processorTime, processorTimeIn, processorTimeOfChildren } from './processor-time.ts';

it('adds user and kernel time, also of a process with an odd name', () => {
  const stat = '42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 300 50 20 0';
  expect(processorTimeIn(stat)).toEqual({ own: 1_750, children: 3_500 });
});

it('grows while a process works', async () => {
  const before = await processorTime(process.pid);
  const used = process.cpuUsage();
  // By what the process used, not by the clock: on a busy machine that may take a while.
  while (process.cpuUsage(used).user < 50_000) JSON.stringify(process.memoryUsage());
  expect(await processorTime(process.pid)).toBeGreaterThan(before);
});

it('knows what children used, once they have ended', async () => {
  const before = await processorTimeOfChildren();
  const work = 'while (process.cpuUsage().user < 100_000) JSON.stringify(process.memoryUsage())';
  await promisify(execFile)(process.execPath, ['-e', work]);
  expect(await processorTimeOfChildren()).toBeGreaterThanOrEqual(before + 100);
});

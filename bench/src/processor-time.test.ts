import { expect, it } from 'vitest';
import { processorTime, processorTimeIn } from './processor-time.ts';

it('adds user and kernel time, also of a process with an odd name', () => {
  expect(processorTimeIn('42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0')).toBe(1_750);
});

it('grows while a process works', async () => {
  const before = await processorTime(process.pid);
  const used = process.cpuUsage();
  // By what the process used, not by the clock: on a busy machine that may take a while.
  while (process.cpuUsage(used).user < 50_000) JSON.stringify(process.memoryUsage());
  expect(await processorTime(process.pid)).toBeGreaterThan(before);
});

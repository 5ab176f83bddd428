import { readFile } from 'node:fs/promises';

/** Ticks per second of the times in /proc: the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Milliseconds of processor time of a process, in user and kernel mode, with a resolution of 10 ms. Linux only. */
export async function processorTime(pid: number): Promise<number> {
  return processorTimeIn(await readFile(`/proc/${pid}/stat`, 'utf8'));
}

/** The processor time in the text of /proc/<pid>/stat. Its second field is a name that may hold anything. */
export function processorTimeIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15 of the whole, counted from 1; the first that is left is field 3.
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

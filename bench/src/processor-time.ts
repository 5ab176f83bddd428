import { readFile } from 'node:fs/promises';

/** Ticks per second of the times in /proc: the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Milliseconds of processor time of a process, in user and kernel mode, with a resolution of 10 ms. Linux only. */
export async function processorTime(pid: number): Promise<number> {
  return processorTimeIn(await readFile(`/proc/${pid}/stat`, 'utf8')).own;
}

/** As {@link processorTime}, of all processes that this one started and that have ended, with all that they started. */
export async function processorTimeOfChildren(): Promise<number> {
  return processorTimeIn(await readFile('/proc/self/stat', 'utf8')).children;
}

/** The processor times in the text of /proc/<pid>/stat. Its second field is a name that may hold anything. */
export function processorTimeIn(stat: string): { readonly own: number; readonly children: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 to 17 of the whole, counted from 1; the first that is left is field 3.
  const [user = 0, kernel = 0, childUser = 0, childKernel = 0] = fields.slice(11, 15).map(Number);
  const toMs = (ticks: number): number => (ticks * 1_000) / TICKS_PER_SECOND;
  return { own: toMs(user + kernel), children: toMs(childUser + childKernel) };
}

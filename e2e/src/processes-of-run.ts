import { readdir, readFile } from 'node:fs/promises';

/** Programs that still run for a run or one of its children: their run marker holds the workflow id. */
export async function processesOfRun(runId: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // A process may end between the listing and the look, and another user's cannot be looked at.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const marker = environment.split('\0').find((entry) => entry.startsWith('SWITCHYARD_RUN='));
    if (marker?.includes(`/${runId}`)) found.push(`${pid} ${marker}`);
  }
  return found;
}

import { readdir, readFile } from 'node:fs/promises';

/** Command lines of running programs that name a path below a folder: what a demo started and should have ended. */
export async function programsBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // A process may end between the listing and the look.
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(`${folder}/`)) found.push(`${pid} ${words.replaceAll('\0', ' ')}`);
  }
  return found;
}

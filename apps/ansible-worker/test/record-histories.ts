import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { openWorld, play } from './world.js';

export const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));

const hosts = (...names: string[]) => ({
  groups: { g: { hosts: Object.fromEntries(names.map((name) => [name, null])) } },
});

/** The runs that are kept: their files, and what each was given. */
export const RECORDED: Readonly<Record<string, Record<string, unknown>>> = {
  'ansible-one-batch.json': { inventory: hosts('a', 'b'), limit: 'a' },
  'ansible-batches-and-retry.json': {
    inventory: hosts('a', 'b', 'c'),
    batchSize: 2,
    retry: { attempts: 2, delay: '10ms' },
  },
};

/** Runs each on a real worker and writes its history down. Only for a release: kept histories are never recorded anew. */
export async function recordHistories(): Promise<void> {
  await using world = await openWorld();
  await world.startWorker();
  const second = '{{ playbook_dir }}/second';
  const isBroken = `test {{ inventory_hostname }} != b || test -e ${second} || (touch ${second}; exit 1)`;
  await world.file('p.yml', play(`- raw: ${isBroken}`));
  await mkdir(HISTORIES, { recursive: true });
  for (const [name, input] of Object.entries(RECORDED)) {
    const handle = await world.start({ playbook: 'p.yml', ...input }, `recorded-${name}`);
    await handle.result();
    await writeFile(path.join(HISTORIES, name), `${historyToJSON(await handle.fetchHistory())}\n`);
  }
}

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createGitRepository, keepHistory, startGitServer } from '@switchyard/testkit';
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
  'ansible-from-git.json': { inventory: hosts('a', 'b'), batchSize: 1, project: { ref: 'main' } },
};

/** Runs those that have no history yet on a real worker and writes it down: kept histories are never recorded anew. */
export async function recordHistories(): Promise<void> {
  await using world = await openWorld();
  await world.startWorker({ SWITCHYARD_GIT_PROTOCOLS: 'http' });
  await using repository = await createGitRepository('plays');
  await repository.commit({ 'p.yml': play('- raw: echo from-git') });
  await using server = await startGitServer(repository);
  const second = '{{ playbook_dir }}/second';
  const isBroken = `test {{ inventory_hostname }} != b || test -e ${second} || (touch ${second}; exit 1)`;
  await world.file('p.yml', play(`- raw: ${isBroken}`));
  await mkdir(HISTORIES, { recursive: true });
  for (const [name, { project, ...input }] of Object.entries(RECORDED)) {
    if (existsSync(path.join(HISTORIES, name))) continue;
    const given = project === undefined ? input : { ...input, project: { git: server.url, ...(project as object) } };
    const handle = await world.start({ playbook: 'p.yml', ...given }, `recorded-${name}`);
    await handle.result();
    await keepHistory(pathToFileURL(path.join(HISTORIES, name)), handle);
  }
}

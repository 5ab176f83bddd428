import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listDecisions, openStore } from '@switchyard/store';
import { expect, it } from 'vitest';
import { openStoreWorld } from './store-world.js';

it('runs artifacts lists what a run keeps, and gives one of them to its owner alone, which the audit tells', async () => {
  const key = randomBytes(32).toString('base64');
  await using world = await openStoreWorld({ SWITCHYARD_ARTIFACT_KEY: key, SWITCHYARD_IDENTITY: 'ann' });
  const { knex } = world;
  const store = openStore({ knex, key });
  const folder = await mkdtemp(join(tmpdir(), 'artifacts-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const put = (name: string, content: string) =>
    store.putArtifact({ runId: 'tf-1', kind: 'terraform-state', name, contentType: 'application/json', content });
  await put('errored.tfstate', '{"serial":7}');
  const newest = await put('errored.tfstate', '{"serial":8}');
  await put('imports.tf', 'import {}');
  const artifacts = (...words: string[]): Promise<string> => world.cli('runs', 'artifacts', ...words);

  expect(await artifacts('tf-1')).toMatch(/errored\.tfstate +terraform-state +12 bytes +\S+ \S+ +sha256:/);
  expect(JSON.parse(await artifacts('tf-1', '--json'))).toMatchObject([
    { name: 'errored.tfstate', bytes: 12 },
    { name: 'errored.tfstate', bytes: 12, digest: newest.digest },
    { name: 'imports.tf', bytes: 9 },
  ]);

  const file = join(folder, 'state.json');
  expect(await artifacts('tf-1', 'errored.tfstate', '-o', file)).toContain(newest.digest);
  expect(await readFile(file, 'utf8')).toBe('{"serial":8}');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const digest = newest.digest.slice(0, 20);
  await artifacts('tf-1', digest, '-o', join(folder, 'by-digest.json'));
  expect(await listDecisions(knex, { runId: 'tf-1' })).toMatchObject(
    [1, 2].map(() => ({ subject: 'artifact:errored.tfstate', decision: 'fetch', by: 'ann', evidence: newest.digest })),
  );

  const refused = async (code: number, why: string, ...words: string[]): Promise<void> =>
    expect(artifacts(...words)).rejects.toMatchObject({ code, stderr: expect.stringContaining(why) as string });
  await refused(2, 'exists already', 'tf-1', 'imports.tf', '-o', file);
  await refused(2, 'both its name and --output', 'tf-1', 'imports.tf');
  await refused(2, 'there are errored.tfstate, imports.tf', 'tf-1', 'plan', '-o', join(folder, 'x'));
  await refused(2, 'keeps no artifacts', 'tf-2');

  // Damaged in the store: nobody gets a file that only begins well.
  await knex.raw(`update switchyard.artifact_chunks set data = set_byte(data, 0, 255 - get_byte(data, 0))`);
  await refused(1, 'is damaged', 'tf-1', 'imports.tf', '-o', join(folder, 'damaged.tf'));
  expect((await readdir(folder)).toSorted()).toEqual(['by-digest.json', 'state.json']);
});

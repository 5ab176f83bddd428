import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, extract } from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stableJson } from './manifest.js';
import { packEvidence, type Packed } from './pack.js';
import { verifyPack } from './verify-pack.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pack-'));
});
afterEach(() => rm(folder, { recursive: true }));

const about = { runId: 'run', state: 'completed', madeBy: { switchyard: '1.2.3' }, missing: [] };

/** Packs two files, written in the given order, the first of them long ago. */
function pack(name: string, files: readonly string[] = ['events.jsonl', 'run.json']): Promise<Packed> {
  return packEvidence(join(folder, name), async (into) => {
    for (const file of files) await writeFile(join(into, file), `content of ${file}\n`);
    await utimes(join(into, files[0] ?? ''), 1, 1);
    return about;
  });
}

describe('a pack', () => {
  it('has the same bytes whenever and in whatever order its files were written', async () => {
    const first = await pack('a.tar.gz');
    const second = await pack('b.tar.gz', ['run.json', 'events.jsonl']);
    expect(second).toEqual(first);
    expect(await readFile(join(folder, 'b.tar.gz'))).toEqual(await readFile(join(folder, 'a.tar.gz')));
  });

  it('is found whole, also by the digest that was kept of its manifest', async () => {
    const { digest } = await pack('a.tar.gz');
    expect(await verifyPack(join(folder, 'a.tar.gz'), digest)).toEqual({
      runId: 'run',
      digest,
      files: 2,
      problems: [],
    });
  });

  it('is not there, nor any part of it, when it could not be filled', async () => {
    const failing = packEvidence(join(folder, 'a.tar.gz'), () => Promise.reject(new Error('no store')));
    await expect(failing).rejects.toThrow('no store');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a pack that somebody changed', () => {
  /** Unpacks a pack, lets `change` work on its files, and packs them again. */
  async function changed(
    change: (files: string) => Promise<void>,
    alsoPacked: readonly string[] = [],
  ): Promise<string> {
    await pack('a.tar.gz');
    const files = await mkdtemp(join(folder, 'files-'));
    await extract({ file: join(folder, 'a.tar.gz'), cwd: files });
    await change(files);
    const file = join(folder, 'changed.tar.gz');
    await create({ file, cwd: files, gzip: true }, [...(await readdir(files)), ...alsoPacked]);
    return file;
  }

  it.each([
    ['by a byte', 'Content of run.json\n', 'run.json was changed'],
    ['in length', '', 'run.json has 0 bytes, not 20'],
  ])('is refused %s', async (_how, content, problem) => {
    const file = await changed((files) => writeFile(join(files, 'run.json'), content));
    expect((await verifyPack(file)).problems).toEqual([problem]);
  });

  it('is refused with a file too few, one too many, or one twice', async () => {
    const fewer = await changed((files) => rm(join(files, 'run.json')));
    expect((await verifyPack(fewer)).problems).toEqual(['run.json is missing']);
    const more = await changed((files) => writeFile(join(files, 'more.json'), '{}'));
    expect((await verifyPack(more)).problems).toEqual(['more.json is not in the manifest']);
    const twice = await changed(() => Promise.resolve(), ['run.json']);
    expect((await verifyPack(twice)).problems).toEqual(['run.json is there twice']);
  });

  it('is refused with a new manifest that fits, where the digest of the old one was kept', async () => {
    const { digest } = await pack('kept.tar.gz');
    const file = await changed(async (files) => {
      await rm(join(files, 'run.json'));
      const manifest = JSON.parse(await readFile(join(files, 'manifest.json'), 'utf8')) as { files: object[] };
      await writeFile(join(files, 'manifest.json'), stableJson({ ...manifest, files: manifest.files.slice(0, 1) }));
    });
    expect((await verifyPack(file)).problems).toEqual([]);
    expect((await verifyPack(file, digest)).problems).toEqual([expect.stringContaining(`not ${digest}`)]);
  });

  it('is refused without a manifest, or with one of another format', async () => {
    const without = await changed((files) => rm(join(files, 'manifest.json')));
    expect((await verifyPack(without)).problems).toEqual(['it has no manifest.json']);
    const other = await changed((files) => writeFile(join(files, 'manifest.json'), '{"format":"other"}'));
    expect((await verifyPack(other)).problems).toEqual([
      'manifest.json is not one of format switchyard.dev/evidence/v1',
    ]);
  });

  it('is no archive any more when it was cut, and that is told as such', async () => {
    await pack('a.tar.gz');
    const file = join(folder, 'cut.tar.gz');
    await writeFile(file, (await readFile(join(folder, 'a.tar.gz'))).subarray(0, 200));
    await expect(verifyPack(file)).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(verifyPack(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'NotFound' });
  });
});

it('JSON does not depend on the order in which fields were made', () => {
  expect(stableJson({ b: [{ d: 1, c: 2 }], a: null })).toBe(stableJson({ a: null, b: [{ c: 2, d: 1 }] }));
});

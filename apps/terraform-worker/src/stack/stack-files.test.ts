import { mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createMasker } from '@switchyard/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configurationDigest } from './configuration-digest.js';
import { locateStack, stackLockName } from './locate-stack.js';
import { parseState, readBackend } from './state-document.js';
import { resolveVariables, writeVariables } from './variables.js';
import {
  isInitialised,
  markInitialised,
  openWorkDirectory,
  removeWorkDirectory,
  sweepWorkDirectories,
} from './work-directory.js';

let base: string;
beforeEach(async () => {
  base = await realpath(await mkdtemp(path.join(tmpdir(), 'stack-')));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const write = async (name: string, text: string): Promise<string> => {
  const file = path.join(base, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};

describe('locateStack', () => {
  it('gives one stack one name, whatever its root is called on a worker', async () => {
    await write('a/checkout/infra/net/main.tf', '');
    await write('b/infra/net/main.tofu', '');
    const a = await locateStack([path.join(base, 'a/checkout')], 'infra/net');
    const b = await locateStack([path.join(base, 'b')], 'infra/net');
    expect([stackLockName(a, 'default'), stackLockName(b, 'default')]).toEqual(
      Array(2).fill('terraform:infra/net:default'),
    );
  });

  it('refuses a link that leaves the roots', async () => {
    await write('outside/main.tf', '');
    await mkdir(path.join(base, 'root'));
    await symlink(path.join(base, 'outside'), path.join(base, 'root/link'));
    await expect(locateStack([path.join(base, 'root')], 'link')).rejects.toMatchObject({ code: 'PathRefused' });
  });

  it('says that a file is no stack', async () => {
    await write('main.tf', '');
    await expect(locateStack([base], 'main.tf')).rejects.toMatchObject({ code: 'NotFound' });
  });
});

describe('configurationDigest', () => {
  const digest = (varFiles: string[] = []): Promise<string> =>
    configurationDigest({ directory: path.join(base, 'stack'), dataDir: path.join(base, 'data'), varFiles });

  beforeEach(async () => {
    await write('stack/main.tf', 'a');
    await write('modules/m/main.tf', 'm');
    await write(
      'data/modules/modules.json',
      JSON.stringify({
        Modules: [
          { Key: '', Dir: '.' },
          { Key: 'm', Dir: '../modules/m' },
        ],
      }),
    );
  });

  it.each([
    ['its own files', 'stack/main.tf'],
    ['a new file', 'stack/more.tf'],
    ['a nested module', 'stack/nested/x.tf.json'],
    ['a template', 'stack/user-data.tftpl'],
    ['a local module outside of it', 'modules/m/main.tf'],
  ])('changes with %s', async (_, file) => {
    const before = await digest();
    await write(file, 'changed');
    expect(await digest()).not.toBe(before);
  });

  it('changes with a variable file', async () => {
    const file = await write('vars/prod.json', '{}');
    const before = await digest([file]);
    await write('vars/prod.json', '{"a":1}');
    expect(await digest([file])).not.toBe(before);
  });

  it('stays when the tool or a provisioner writes beside the configuration', async () => {
    const before = await digest();
    for (const file of [
      'terraform.tfstate',
      '.terraform.lock.hcl',
      '.terraform/modules/x.tf',
      'made.txt',
      'terraform.tfstate.d/blue/x.tf',
    ]) {
      await write(`stack/${file}`, 'x');
    }
    expect(await digest()).toBe(before);
  });
});

describe('readBackend', () => {
  const at = (workspace: string) => readBackend({ directory: '/stack', dataDir: base, workspace });
  const initialised = (backend: unknown): Promise<string> =>
    write('terraform.tfstate', JSON.stringify({ version: 3, backend }));

  it('knows where the local backend keeps its states', async () => {
    expect(await at('default')).toEqual({ type: 'local', stateFile: '/stack/terraform.tfstate' });
    expect(await at('blue')).toEqual({ type: 'local', stateFile: '/stack/terraform.tfstate.d/blue/terraform.tfstate' });
    await initialised({ type: 'local', config: { path: 'st/x.tfstate', workspace_dir: 'spaces' } });
    expect(await at('default')).toEqual({ type: 'local', stateFile: '/stack/st/x.tfstate' });
    expect(await at('blue')).toEqual({ type: 'local', stateFile: '/stack/spaces/blue/terraform.tfstate' });
  });

  it('asks the tool for every other backend', async () => {
    await initialised({ type: 's3', config: { bucket: 'b' } });
    expect(await at('default')).toEqual({ type: 's3', stateFile: null });
  });
});

describe('parseState', () => {
  it('takes an empty file for no state, and refuses what is none', () => {
    expect(parseState('\n', 'x')).toMatchObject({ serial: 0, lineage: '' });
    expect(() => parseState('{"serial":', 'x')).toThrow(
      expect.objectContaining({ code: 'TerraformPlanFailed', retryable: false }),
    );
  });
});

describe('variables', () => {
  it('are resolved wherever a reference stands, each value registered first', async () => {
    const masker = createMasker();
    const vars = await resolveVariables(
      { plain: 1, deep: { list: [{ $secret: 'db' }] } },
      async (name) => `value-of-${name}`,
      masker,
    );
    expect(vars).toEqual({ plain: 1, deep: { list: ['value-of-db'] } });
    expect(masker.mask('got value-of-db')).toBe('got ***');
  });

  it('are written for this user alone', async () => {
    const file = path.join(base, 'vars.json');
    await writeVariables(file, { a: 1 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});

describe('work directories', () => {
  it('remember that init has run for one configuration only', async () => {
    const { dataDir } = await openWorkDirectory(base, 'e1');
    expect(await isInitialised(dataDir, 'c1')).toBe(false);
    await markInitialised(dataDir, 'c1');
    expect([await isInitialised(dataDir, 'c1'), await isInitialised(dataDir, 'c2')]).toEqual([true, false]);
    await removeWorkDirectory(base, 'e1');
    expect(await readdir(path.join(base, 'terraform'))).toEqual([]);
  });

  it('lose the secret files of workers that are gone, and nothing of those that live', async () => {
    const { scratch, dataDir } = await openWorkDirectory(base, 'e1');
    await markInitialised(dataDir, 'c1');
    // No process has this id: it is above the largest that Linux gives.
    const dead = path.join(path.dirname(scratch), 'scratch-4194305-abcd');
    await mkdir(dead);
    await sweepWorkDirectories(base, Date.now());
    expect((await readdir(path.dirname(scratch))).toSorted()).toEqual(['data', path.basename(scratch)]);
    await sweepWorkDirectories(base, Date.now() + 15 * 24 * 60 * 60_000);
    expect(await readdir(path.join(base, 'terraform'))).toEqual([]);
  });
});

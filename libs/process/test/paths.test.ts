import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findExecutable, resolveInside } from '../src/index.js';

let top: string;
let root: string;

beforeAll(async () => {
  top = await realpath(await mkdtemp(path.join(tmpdir(), 'paths-')));
  root = path.join(top, 'root');
  await mkdir(path.join(root, 'infra', '..data'), { recursive: true });
  await writeFile(path.join(root, 'infra', 'site.yml'), '');
  await writeFile(path.join(top, 'outside.yml'), '');
  await mkdir(path.join(top, 'root-beside'));
  await writeFile(path.join(top, 'root-beside', 'x.yml'), '');
  await symlink(top, path.join(root, 'escape'));
  await symlink('site.yml', path.join(root, 'infra', 'link.yml'));
  await symlink('loop', path.join(root, 'loop'));
  await symlink(root, path.join(top, 'alias'));
  await writeFile(path.join(root, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(path.join(root, 'text'), '', { mode: 0o644 });
});

afterAll(() => rm(top, { recursive: true }));

describe('resolveInside', () => {
  it('resolves against the first root, a base, and through links that stay inside', async () => {
    const site = path.join(root, 'infra', 'site.yml');
    expect(await resolveInside([root], 'infra/site.yml')).toBe(site);
    expect(await resolveInside([root], 'site.yml', path.join(root, 'infra'))).toBe(site);
    expect(await resolveInside([root], 'link.yml', 'infra')).toBe(site);
    expect(await resolveInside([root], site)).toBe(site);
    expect(await resolveInside([path.join(top, 'alias')], 'infra/site.yml')).toBe(site);
    expect(await resolveInside([root], '.')).toBe(root);
    expect(await resolveInside([root], 'infra/..data')).toBe(path.join(root, 'infra', '..data'));
  });

  it.each([
    ['a parent', '../outside.yml'],
    ['a parent in the middle', 'infra/../../outside.yml'],
    ['an absolute path', '/etc/passwd'],
    ['a directory whose name begins like the root', '../root-beside/x.yml'],
    ['a link', 'escape/outside.yml'],
    ['a link, where nothing lies', 'escape/missing.yml'],
    ['nothing there', '../missing/x.yml'],
    ['a link in a circle', 'loop'],
  ])('refuses a path that leads outside by %s', async (_how, input) => {
    await expect(resolveInside([root], input)).rejects.toMatchObject({ code: 'PathRefused' });
  });

  it('refuses everything when no root exists', async () => {
    await expect(resolveInside([path.join(top, 'gone')], 'x')).rejects.toMatchObject({ code: 'PathRefused' });
    await expect(resolveInside([], 'x')).rejects.toMatchObject({ code: 'PathRefused' });
  });

  it('names a file that is missing inside', async () => {
    await expect(resolveInside([root], 'infra/apt.yml')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('"infra/apt.yml" does not exist'),
    });
    await expect(resolveInside([root], 'infra/site.yml/x')).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('refuses what is no path', async () => {
    await expect(resolveInside([root], '')).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(resolveInside([root], 'a\0b')).rejects.toMatchObject({ code: 'InvalidInput' });
  });
});

describe('findExecutable', () => {
  it('searches PATH and passes over files that cannot be executed', async () => {
    const env = { PATH: `/no/such/place:${root}` };
    expect(await findExecutable('tool', { env })).toBe(path.join(root, 'tool'));
    await expect(findExecutable('text', { env })).rejects.toMatchObject({ code: 'ToolMissing' });
  });

  it('takes a file or a directory from the variable, and does not fall back to PATH', async () => {
    const variable = 'SWITCHYARD_TOOL_BIN';
    const file = path.join(root, 'tool');
    expect(await findExecutable('tool', { variable, env: { [variable]: root } })).toBe(file);
    expect(await findExecutable('tool', { variable, env: { [variable]: file } })).toBe(file);
    await expect(
      findExecutable('tool', { variable, env: { [variable]: '/no/such/tool', PATH: root } }),
    ).rejects.toMatchObject({ code: 'ToolMissing', message: expect.stringContaining(`set ${variable}`) });
  });

  it('says where it sought', async () => {
    await expect(findExecutable('tool', { env: { PATH: '/a:/b' } })).rejects.toMatchObject({
      message: expect.stringContaining('tool is not in PATH'),
      details: { tool: 'tool', sought: ['/a', '/b'] },
    });
  });
});

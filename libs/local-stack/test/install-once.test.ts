import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installOnce } from '../src/tools/cache.js';
import { toolContext } from '../src/tools/context.js';

const entry = { name: 'tool', version: '1.0' };
let cacheDir: string;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'switchyard-cache-'));
});

afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const fill = (text: string) => async (folder: string) => {
  await sleep(50);
  await writeFile(join(folder, 'program'), text);
};

describe('installOnce', () => {
  it('installs once for several callers at once, and all get the same', async () => {
    const context = toolContext({ cacheDir });
    let fills = 0;
    const paths = await Promise.all(
      Array.from({ length: 8 }, () =>
        installOnce(context, entry, async (folder) => {
          fills++;
          await fill('x')(folder);
        }),
      ),
    );
    expect(fills).toBe(1);
    expect(new Set(paths)).toEqual(new Set([join(cacheDir, 'tool/1.0')]));
    expect(await readFile(join(cacheDir, 'tool/1.0/program'), 'utf8')).toBe('x');
  });

  it('installs once for several processes at once', async () => {
    const library = fileURLToPath(new URL('../dist/tools/cache.js', import.meta.url));
    const script = `
      import { appendFileSync, writeFileSync } from 'node:fs';
      import { installOnce } from ${JSON.stringify(library)};
      const context = { cacheDir: process.argv[1], progress: () => undefined };
      await installOnce(context, { name: 'tool', version: '1.0' }, async (folder) => {
        appendFileSync(process.argv[1] + '/fills', 'x');
        await new Promise((resolve) => setTimeout(resolve, 200));
        writeFileSync(folder + '/program', 'x');
      });`;
    const run = () =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, cacheDir], { stdio: 'inherit' });
        child.once('exit', resolve);
      });
    expect(await Promise.all([run(), run(), run()])).toEqual([0, 0, 0]);
    expect(await readFile(join(cacheDir, 'fills'), 'utf8')).toBe('x');
  });

  it('leaves nothing behind when it fails, and can be tried again', async () => {
    const context = toolContext({ cacheDir });
    await expect(installOnce(context, entry, () => Promise.reject(new Error('disk full')))).rejects.toThrow(
      'disk full',
    );
    expect(await readdir(join(cacheDir, 'tool'))).toEqual([]);
    await installOnce(context, entry, fill('again'));
    expect(await readFile(join(cacheDir, 'tool/1.0/program'), 'utf8')).toBe('again');
  });

  it('takes over from a process that was killed while it installed, and removes what that left', async () => {
    const parent = join(cacheDir, 'tool');
    await mkdir(join(parent, '.1.0-dead'), { recursive: true });
    await symlink('.1.0-gone', join(parent, '1.0'));
    await writeFile(join(parent, '1.0.lock'), JSON.stringify({ pid: 4_194_999, startedAt: '1' }));
    await installOnce(toolContext({ cacheDir }), entry, fill('new'));
    expect(await readFile(join(parent, '1.0/program'), 'utf8')).toBe('new');
    expect(await readdir(parent)).toHaveLength(2);
  });
});

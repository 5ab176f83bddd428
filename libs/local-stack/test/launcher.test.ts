import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const launcher = fileURLToPath(new URL('../../../switchyard', import.meta.url));

let folder: string;
let root: string;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the launcher with only the fixture's programs and those of the system on the PATH. */
function launch(
  args: readonly string[] = [],
  options: { readonly file?: string; readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const env = {
    HOME: folder,
    PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
    NOTES: join(folder, 'notes'),
    ...options.env,
  };
  return new Promise((resolve) => {
    execFile(
      options.file ?? join(root, 'switchyard'),
      args,
      { cwd: options.cwd ?? root, env },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      },
    );
  });
}

async function script(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
}

/** What the fixture's npm and nx were called for, in order. */
async function calls(): Promise<string[]> {
  const text = await readFile(join(folder, 'notes'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** A checkout whose npm installs a Node and an nx, and whose nx copies the source of the command line. */
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'switchyard-launcher-')));
  root = join(folder, 'check out'); // a space, since people have them
  await mkdir(join(root, 'apps/cli/src'), { recursive: true });
  await mkdir(join(root, 'libs'), { recursive: true });
  await copyFile(launcher, join(root, 'switchyard'));
  await chmod(join(root, 'switchyard'), 0o755);
  for (const name of ['package-lock.json', 'tsconfig.base.json', 'nx.json'])
    await writeFile(join(root, name), '{"packages":{}}');
  const main = `console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), root: process.env.SWITCHYARD_ROOT }));`;
  await writeFile(join(root, 'apps/cli/src/main.js'), main);
  await mkdir(join(folder, 'bin'));
  await symlink(process.execPath, join(folder, 'bin/node'));
  await script(
    join(folder, 'nx'),
    `echo "nx $*" >> "$NOTES"; sleep 0.2; mkdir -p apps/cli/dist; cp apps/cli/src/main.js apps/cli/dist/`,
  );
  await script(
    join(folder, 'bin/npm'),
    `echo "npm $1" >> "$NOTES"; echo "npm says much"; [ -z "$NPM_FAILS" ] || { echo "npm ERR! no network"; exit 1; }
     sleep 0.2; rm -rf node_modules; mkdir -p node_modules/.bin
     ln -s "${process.execPath}" node_modules/.bin/node; cp "${join(folder, 'nx')}" node_modules/.bin/nx`,
  );
  // Sources are older than what is built from them, also where the clock of the file system is coarse.
  const old = new Date(Date.now() - 60_000);
  for (const name of [
    'package-lock.json',
    'tsconfig.base.json',
    'nx.json',
    'apps/cli/src/main.js',
    'apps/cli/src',
    'apps/cli',
  ]) {
    await utimes(join(root, name), old, old);
  }
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the launcher', () => {
  it('installs and builds at the first call, and only hands over at the second', async () => {
    const first = await launch(['status', '--json']);
    expect(first.stderr).toContain('installing dependencies');
    expect(first.stderr).not.toContain('npm says much');
    expect(JSON.parse(first.stdout)).toEqual({ args: ['status', '--json'], cwd: root, root });
    expect(await calls()).toEqual(['npm ci', 'nx run-many -t build bundle --outputStyle=static']);

    const second = await launch(['run', 'a b', '']);
    expect(second.stderr).toBe('');
    expect(JSON.parse(second.stdout)).toEqual({ args: ['run', 'a b', ''], cwd: root, root });
    expect(await calls()).toHaveLength(2);
  });

  it('keeps the working directory of the caller and finds its root through a symlink', async () => {
    await symlink('../check out/switchyard', join(folder, 'bin/sw'));
    const { stdout } = await launch(['x'], { file: join(folder, 'bin/sw'), cwd: folder });
    expect(JSON.parse(stdout)).toEqual({ args: ['x'], cwd: folder, root });
  });

  it('passes on the exit code of the command', async () => {
    await writeFile(join(root, 'apps/cli/src/main.js'), 'process.exit(7)');
    expect((await launch()).code).toBe(7);
  });

  it('builds again when a source changed or was removed, and not for a test or a page', async () => {
    await writeFile(join(root, 'apps/cli/src/other.ts'), '');
    await launch();
    const soon = new Date(Date.now() + 5_000);
    await mkdir(join(root, 'apps/cli/test'));
    await writeFile(join(root, 'apps/cli/test/a.ts'), '');
    await utimes(join(root, 'apps/cli/test/a.ts'), soon, soon);
    await writeFile(join(root, 'apps/cli/README.md'), '');
    await utimes(join(root, 'apps/cli/README.md'), soon, soon);
    await launch();
    expect(await calls()).toHaveLength(2);
    await utimes(join(root, 'apps/cli/src/main.js'), soon, soon);
    expect((await launch()).stderr).toContain('building what changed');
    const past = new Date(Date.now() - 30_000);
    await utimes(join(root, 'apps/cli/src/main.js'), past, past);
    await rm(join(root, 'apps/cli/src/other.ts'));
    await utimes(join(root, 'apps/cli/src'), soon, soon);
    await launch();
    expect(await calls()).toHaveLength(4);
  });

  it('installs again when the lock file changed', async () => {
    await launch();
    await writeFile(join(root, 'package-lock.json'), '{"packages":{"node_modules/x":{"version":"1.0.0"}}}');
    await launch();
    expect((await calls()).filter((call) => call === 'npm ci')).toHaveLength(2);
  });

  it('takes dependencies that were installed by hand when they are those of the lock file', async () => {
    await mkdir(join(root, 'node_modules/.bin'), { recursive: true });
    await symlink(process.execPath, join(root, 'node_modules/.bin/node'));
    await copyFile(join(folder, 'nx'), join(root, 'node_modules/.bin/nx'));
    await chmod(join(root, 'node_modules/.bin/nx'), 0o755);
    const entries = { 'node_modules/x': { version: '1.0.0', integrity: 'sha512-a' } };
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...entries } }));
    await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: entries }));
    await launch();
    expect(await calls()).toEqual(['nx run-many -t build bundle --outputStyle=static']);
  });

  it('sets up once when several are started at once', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, (_, n) => launch([String(n)])));
    expect(all.map(({ stdout }) => JSON.parse(stdout))).toMatchObject([0, 1, 2, 3].map((n) => ({ args: [String(n)] })));
    expect(await calls()).toHaveLength(2);
  });

  it('takes over the lock of a set-up that was killed', async () => {
    await mkdir(join(root, '.switchyard'));
    await symlink('4194999', join(root, '.switchyard/launcher.lock')); // above every pid
    expect((await launch()).code).toBe(0);
  });

  it('shows the output of npm when it fails, and tries again at the next call', async () => {
    const failed = await launch([], { env: { NPM_FAILS: '1' } });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/npm says much[^]*npm ERR! no network[^]*install failed; the whole output is in/);
    expect((await launch()).code).toBe(0);
  });

  it('names a Node that is too old, and the fix', async () => {
    await rm(join(folder, 'bin/node'));
    await script(join(folder, 'bin/node'), 'echo v18.20.0');
    const { code, stderr } = await launch([], { env: { PATH: `${join(folder, 'bin')}:/bin` } });
    // A machine that runs this test may have a newer one at a well-known place; then that one is taken.
    if (code === 0) expect(await calls()).toContain('npm ci');
    else expect(stderr).toMatch(/Node\.js 20 or later is needed, and there is v18\.20\.0 at .*nodejs\.org/);
  });
});

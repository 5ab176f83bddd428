import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCluster } from '../src/postgres/cluster.js';
import { canEnter } from '../src/postgres/server-user.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-cluster-'));
  await chmod(folder, 0o755);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('canEnter', () => {
  const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 };

  it('says whether another user may pass every directory down to a path, which may be missing', async () => {
    await mkdir(join(folder, 'open'), { mode: 0o755 });
    await mkdir(join(folder, 'closed/inside'), { recursive: true });
    await chmod(join(folder, 'closed'), 0o700);
    expect(await canEnter(join(folder, 'open/later/data'), stranger)).toBe(true);
    expect(await canEnter(join(folder, 'closed/inside'), stranger)).toBe(false);
    expect(await canEnter(join(folder, 'closed/inside'), undefined)).toBe(true);
  });
});

describe('startCluster', () => {
  it('refuses the data of another major version with the way out', async () => {
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'PG_VERSION'), '9.6\n');
    await writeFile(join(dataDir, 'postmaster.opts'), '');
    const start = startCluster({ dataDir, password: 'x', logFile: join(folder, 'log') });
    await expect(start).rejects.toThrow(/were made by PostgreSQL 9\.6, and this is .*; dump them/);
  });
});

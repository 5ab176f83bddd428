import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../src/processes/ports.js';
import { toolContext } from '../src/tools/context.js';
import { doctor, presentTools, toolDefinition } from '../src/tools/doctor.js';
import { download } from '../src/tools/download.js';
import { findTool } from '../src/tools/find-tool.js';
import { toolEnvironment } from '../src/tools/tool-environment.js';
import { unzip } from '../src/tools/unzip.js';
import type { ToolName, ToolReport } from '../src/tools/tool.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-tools-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** An executable fixture that prints a version. */
async function program(path: string, prints: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${prints}'\n`);
  await chmod(file, 0o755);
  return file;
}

/** Finds a tool with only the fixtures on the PATH and a cache of its own, without fetching. */
async function find(tool: ToolName, env: Readonly<Record<string, string>> = {}): Promise<ToolReport> {
  const context = toolContext({ env: { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache'), ...env } });
  return findTool(await toolDefinition(tool, context), { fetch: false });
}

describe('the order of sources', () => {
  it('is the variable, then the PATH, then the cache', async () => {
    const named = await program('named/terraform', 'Terraform v1.12.0');
    const onPath = await program('bin/terraform', 'Terraform v1.11.0');
    const cached = await program('cache/switchyard/terraform/1.11.4/terraform', 'Terraform v1.11.4');
    expect((await find('terraform', { SWITCHYARD_TERRAFORM_BIN: named })).found?.path).toBe(named);
    expect((await find('terraform')).found?.path).toBe(onPath);
    await rm(onPath);
    expect((await find('terraform')).found).toEqual({
      tool: 'terraform',
      path: cached,
      version: '1.11.4',
      source: 'cache',
    });
    await rm(cached);
    const missing = await find('terraform');
    expect(missing.found).toBeNull();
    expect(missing.wouldObtain).toContain('Terraform 1.11.4');
    expect(missing.fix).toContain('SWITCHYARD_TERRAFORM_BIN');
  });

  it('takes OpenTofu where Terraform is too old', async () => {
    await program('bin/terraform', 'Terraform v1.5.7');
    const tofu = await program('bin/tofu', 'OpenTofu v1.9.0');
    const report = await find('terraform');
    expect(report.found?.path).toBe(tofu);
    expect(report.attempts).toContainEqual({
      source: 'PATH (terraform)',
      outcome: 'unfit',
      detail: `${join(folder, 'bin/terraform')} is 1.5.7; 1.9.0 or later is needed`,
    });
  });

  it('passes over client programs of another major version than the server', async () => {
    for (const name of ['pg_dump', 'pg_restore', 'psql']) await program(`bin/${name}`, 'pg_dump (PostgreSQL) 15.4');
    const report = await find('postgres-client');
    expect(report.attempts.find(({ source }) => source === 'PATH (pg_dump)')).toMatchObject({ outcome: 'unfit' });
  });

  it('takes OPA of major version 1 only, since Rego changed with it', async () => {
    const old = await program('bin/opa', 'Version: 0.70.0');
    const report = await find('opa');
    expect(report).toMatchObject({ found: null, neededFor: expect.stringContaining('policies in Rego') as string });
    expect(report.attempts).toContainEqual({
      source: 'PATH (opa)',
      outcome: 'unfit',
      detail: `${old} is 0.70.0; 1.0.0 or later is needed`,
    });
    const named = await program('named/opa', 'Version: 1.20.2');
    expect((await find('opa', { SWITCHYARD_OPA_BIN: named })).found).toMatchObject({ path: named, version: '1.20.2' });
  });

  it('has OpenTofu as a tool of its own beside Terraform', async () => {
    await program('bin/terraform', 'Terraform v1.11.0');
    expect(await find('tofu')).toMatchObject({ found: null, neededFor: expect.stringContaining('tofu') as string });
    const tofu = await program('bin/tofu', 'OpenTofu v1.9.0');
    expect((await find('tofu')).found).toMatchObject({ path: tofu, version: '1.9.0' });
    expect((await find('terraform')).found?.version).toBe('1.11.0');
  });

  it('leaves out what is not there where only present tools are asked for', async () => {
    const given = { env: { PATH: join(folder, 'bin') }, cacheDir: join(folder, 'cache'), only: ['opa'] as const };
    expect(await presentTools(given)).toEqual([]);
    const path = await program('bin/opa', 'Version: 1.20.2');
    expect(toolEnvironment(await presentTools(given))).toEqual({ SWITCHYARD_OPA_BIN: path });
  });

  it('reads the version of the Temporal server and not that of a self-built command line', async () => {
    await program('bin/temporal', 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)');
    expect((await find('temporal')).found?.version).toBe('1.29.1');
  });

  it('takes Ansible only with all its programs', async () => {
    await program('bin/ansible-playbook', 'ansible-playbook [core 2.16.3]');
    expect((await find('ansible')).found).toBeNull();
    await program('bin/ansible-inventory', '');
    await program('bin/ansible-config', '');
    expect((await find('ansible')).found).toMatchObject({ path: join(folder, 'bin'), version: '2.16.3' });
  });

  it('says of a named program that does not run why it does not', async () => {
    const broken = await program('named/java', '');
    await writeFile(broken, '#!/bin/sh\necho "no libjli.so" >&2; exit 127\n');
    const report = await find('java', { SWITCHYARD_JAVA_BIN: broken });
    expect(report.attempts[0]).toEqual({
      source: 'SWITCHYARD_JAVA_BIN',
      outcome: 'unfit',
      detail: `${broken} does not run: exit code 127: no libjli.so`,
    });
  });
});

describe('doctor', () => {
  it('reports every tool without fetching any', async () => {
    const cacheDir = join(folder, 'cache');
    const reports = await doctor({ env: { PATH: folder }, cacheDir });
    expect(reports.map(({ tool }) => tool)).toEqual([
      'temporal',
      'postgres',
      'postgres-client',
      'ansible',
      'terraform',
      'java',
      'liquibase',
      'opa',
      'tofu',
    ]);
    for (const { found, fix, title } of reports) expect([title, found === null]).toEqual([title, fix !== null]);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('download', () => {
  it('refuses a file whose digest is not the pinned one, and gives up on a server that is silent', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/file') response.end('other bytes');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
    try {
      const target = join(folder, 'file');
      await expect(download({ url: `${url}/file`, sha256: 'ab' }, target)).rejects.toThrow(
        'not the pinned ab; it was not used',
      );
      await expect(download({ url: `${url}/silent`, sha256: 'ab' }, target, { connectMs: 100 })).rejects.toThrow(
        'did not answer in time',
      );
      await expect(download({ url: `http://127.0.0.1:${await freePort()}/x`, sha256: 'ab' }, target)).rejects.toThrow(
        'is unreachable',
      );
      expect(await readdir(folder)).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('unzip', () => {
  /** A zip archive with one stored file. */
  const archive = (name: string, content: string): Buffer => {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt32LE(content.length, 20);
    central.writeUInt16LE(name.length, 28);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt32LE(46 + name.length, 12);
    end.writeUInt32LE(30 + name.length + content.length, 16);
    return Buffer.concat([local, Buffer.from(name + content), central, Buffer.from(name), end]);
  };

  it('unpacks what is selected', async () => {
    await writeFile(join(folder, 'a.zip'), archive('dir/file', 'hello'));
    await unzip(join(folder, 'a.zip'), folder, { select: (name) => name });
    expect(await readdir(join(folder, 'dir'))).toEqual(['file']);
  });

  it('refuses an entry that leads outside, and what is no archive', async () => {
    await writeFile(join(folder, 'a.zip'), archive('../evil', 'hello'));
    await expect(unzip(join(folder, 'a.zip'), folder, { select: (name) => name })).rejects.toThrow('leads outside');
    await writeFile(join(folder, 'b.zip'), 'no');
    await expect(unzip(join(folder, 'b.zip'), folder, { select: (name) => name })).rejects.toThrow(
      'is not a zip archive',
    );
  });
});

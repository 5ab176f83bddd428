import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine } from './find-engine.js';
import { credentialsIn, toolEnvironment, writeCliConfig } from './tool-environment.js';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'tool-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

describe('toolEnvironment', () => {
  const given = {
    PATH: '/bin',
    HOME: '/home/x',
    AWS_SECRET_ACCESS_KEY: 'aws-secret',
    GOOGLE_CREDENTIALS: '{}',
    ARM_CLIENT_ID: 'arm',
    TF_VAR_zone: 'a',
    TF_TOKEN_example_com: 'registry-token',
    PG_CONN_STR: 'postgres://u:p@h/d',
    TF_CLI_ARGS_plan: '-lock=false',
    TF_DATA_DIR: '/elsewhere',
    TF_WORKSPACE: 'prod',
    TF_LOG: 'trace',
    TF_PLUGIN_CACHE_DIR: '/cache',
    DB_PASSWORD_SERVER: 'ours',
    SWITCHYARD_ARTIFACT_KEY: 'ours',
    VAULT_TOKEN: 'ours',
    TEMPORAL_API_KEY: 'ours',
    SECRET_API_TOKEN: 'ours',
  };

  it('hands on what providers need, and nothing of the worker or of what it decides itself', () => {
    const environment = toolEnvironment(given, undefined);
    const names =
      'ARM_CLIENT_ID AWS_SECRET_ACCESS_KEY CHECKPOINT_DISABLE GOOGLE_CREDENTIALS HOME PATH PG_CONN_STR TF_INPUT TF_IN_AUTOMATION TF_TOKEN_example_com TF_VAR_zone';
    expect(Object.keys(environment).toSorted()).toEqual(names.split(' ').toSorted());
    expect(Object.values(environment)).not.toContain('ours');
  });

  it('names the credentials among it, to be masked', () => {
    const credentials = credentialsIn(toolEnvironment(given, undefined));
    expect(credentials.toSorted()).toEqual(['aws-secret', 'postgres://u:p@h/d', 'registry-token', '{}'].toSorted());
  });

  it('leaves a CLI configuration out that does not exist: the tool would complain at every call', () => {
    expect(toolEnvironment({ TF_CLI_CONFIG_FILE: '/nowhere/rc' }, undefined)).not.toHaveProperty('TF_CLI_CONFIG_FILE');
  });
});

describe('writeCliConfig', () => {
  it('takes from the mirror what it holds, and the rest from its registry', async () => {
    const mirror = path.join(base, 'mirror');
    await mkdir(path.join(mirror, 'registry.terraform.io/hashicorp/time/0.14.2/linux_amd64'), { recursive: true });
    await mkdir(path.join(mirror, 'example.com/team/tool'), { recursive: true });
    const file = await writeCliConfig(base, mirror);
    const text = await readFile(file ?? '', 'utf8');
    expect(text).toContain(`path = ${JSON.stringify(mirror)}`);
    expect(text).toMatch(/exclude = \[.*"registry.terraform.io\/hashicorp\/time"/);
    expect(text).toMatch(/exclude = \[.*"example.com\/team\/tool"/);
    expect(await writeCliConfig(base, undefined)).toBeUndefined();
  });
});

describe('findEngine', () => {
  it('names both variables when the worker has neither engine', async () => {
    await expect(findEngine(undefined, { PATH: base })).rejects.toMatchObject({
      code: 'ToolMissing',
      message: expect.stringMatching(/SWITCHYARD_TERRAFORM_BIN.*SWITCHYARD_TOFU_BIN/) as string,
    });
  });

  it('takes tofu where terraform is not, and only the one that is asked for', async () => {
    const env = { PATH: base, SWITCHYARD_TOFU_BIN: process.execPath };
    expect(await findEngine(undefined, env)).toEqual({ name: 'tofu', executable: process.execPath });
    await expect(findEngine('terraform', env)).rejects.toMatchObject({ code: 'ToolMissing' });
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createTestDatabase, type TestDatabase } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, failureOf, openGateOf, openWorld, type World } from './world.js';

let world: World;
let states: TestDatabase;
let url: string;

beforeAll(async () => {
  states = await createTestDatabase();
  url = `${states.url}?sslmode=disable`;
  world = await openWorld();
  await world.startWorker({ PG_CONN_STR: url });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await states.drop();
});

const stackWith = (schema: string): string => `
terraform {
  backend "pg" { schema_name = "${schema}" }
}
variable "input" { default = "one" }
resource "terraform_data" "x" { input = "\${var.input} in \${terraform.workspace}" }
output "word" { value = terraform_data.x.output }
output "hidden" {
  value     = "hidden-\${var.input}"
  sensitive = true
}
`;

/** The bare tool, in a data directory of its own. */
async function bareApply(directory: string, input: string): Promise<void> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'bare-'));
  const env = { PATH: process.env['PATH'] ?? '', PG_CONN_STR: url, TF_DATA_DIR: dataDir, TF_INPUT: '0' };
  const run = promisify(execFile);
  await run('terraform', ['init'], { cwd: directory, env });
  await run('terraform', ['apply', '-auto-approve', `-var=input=${input}`], { cwd: directory, env });
  await rm(dataDir, { recursive: true });
}

describe('a stack with a remote backend', () => {
  it('is applied, read and destroyed there', async () => {
    const stack = await world.stack('pg', { 'main.tf': stackWith('plain') });
    const applied = await world.run({ stack: { path: stack } });
    expect(applied).toMatchObject({
      applied: true,
      outputs: { word: { value: 'one in default' }, hidden: { sensitive: true } },
      stateSerial: expect.any(Number) as number,
    });
    expect(JSON.stringify(applied)).not.toContain('hidden-one');
    const again = await world.run({ stack: { path: stack } });
    expect(again).toMatchObject({
      applied: false,
      stateSerial: applied.stateSerial,
      outputs: { word: { value: 'one in default' } },
    });
    expect(await world.run({ stack: { path: stack }, action: 'destroy' })).toMatchObject({ changes: { destroy: 1 } });
  });

  it('makes a workspace that is not there yet, and finds it again', async () => {
    const stack = await world.stack('pg-spaces', { 'main.tf': stackWith('spaces') });
    const first = await world.run({ stack: { path: stack }, workspace: 'blue' });
    const second = await world.run({ stack: { path: stack }, workspace: 'blue' });
    expect(first).toMatchObject({ applied: true, outputs: { word: { value: 'one in blue' } } });
    expect(second).toMatchObject({ applied: false, outputs: { word: { value: 'one in blue' } } });
    expect(await world.run({ stack: { path: stack } })).toMatchObject({
      outputs: { word: { value: 'one in default' } },
    });
  });

  it('voids an approved plan when somebody else has changed the state', async () => {
    const stack = await world.stack('pg-stale', { 'main.tf': stackWith('stale') });
    const handle = await world.start({ stack: { path: stack }, approval: { required: 1 } });
    await openGateOf(handle);
    await bareApply(path.join(world.root, stack), 'two');
    await approve(handle);
    expect((await failureOf(handle.result())).code).toBe('TerraformPlanStale');
    const later = await world.run({ stack: { path: stack }, vars: { input: 'two' } });
    expect(later.applied).toBe(false);
  });
});

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { obtainTools } from '@switchyard/local-stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pythonWithTemporal } from '../src/python.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

const run = promisify(execFile);
const FOLDER = 'wire-contract';
let stack: OpenStack;
let temporal: { address: string; namespace: string };

beforeAll(async () => {
  const { checkout, stack: shared } = await openSharedStack(FOLDER);
  stack = shared;
  ({ temporal } = await stack.status());
  await mkdir(join(checkout.folder, 'stack'));
  await writeFile(
    join(checkout.folder, 'apt_update.yml'),
    "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - raw: 'true'\n",
  );
  await writeFile(
    join(checkout.folder, 'stack', 'main.tf'),
    'resource "terraform_data" "x" {\n  input = "hello"\n}\noutput "word" {\n  value = terraform_data.x.output\n}\n',
  );
  await mkdir(join(checkout.folder, 'vmware'));
  await writeFile(
    join(checkout.folder, 'vmware', 'main.tf'),
    'resource "terraform_data" "machine" {\n  input = "10.0.0.21"\n}\noutput "address" {\n  value = terraform_data.machine.output\n}\n',
  );
  await writeFile(
    join(checkout.folder, 'changelog.yaml'),
    'databaseChangeLog:\n  - changeSet:\n      id: foreign-1\n      author: test\n      changes:\n        - createTable: { tableName: foreign_caller, columns: [{ column: { name: id, type: int } }] }\n',
  );
});
afterAll(() => stack.close());

it('lets the Temporal command line start a playbook with a bare string', async () => {
  const [tool] = await obtainTools({ only: ['temporal'] });
  const { stdout } = await run(tool?.path ?? 'temporal', [
    'workflow',
    'execute',
    '--type',
    'AnsibleWorkflow',
    '--task-queue',
    'ansible-queue',
    '--input',
    `"${FOLDER}/apt_update.yml"`,
    '--output',
    'json',
    '--address',
    temporal.address,
  ]);
  expect(stdout).toContain('"verdict":');
  expect(stdout).toContain('successful');
});

it('deploys to VMware from a directory of Terraform, with a CMDB that does not answer as a warning', async () => {
  const [tool] = await obtainTools({ only: ['temporal'] });
  const cmdb = {
    rest: { url: 'http://127.0.0.1:1' },
    action: 'upsert',
    name: 'web1',
    attributes: { ip: '${{ steps.provision.result.outputs.address.value }}' },
  };
  const execute = async (input: unknown): Promise<string> => {
    const given = ['--input', JSON.stringify(input), '--output', 'json', '--address', temporal.address];
    const type = ['--type', 'VmwareDeployWorkflow', '--task-queue', 'vmware-task-queue'];
    return (await run(tool?.path ?? 'temporal', ['workflow', 'execute', ...type, ...given])).stdout;
  };
  expect(await execute(`${FOLDER}/vmware`)).toContain('10.0.0.21');
  expect(await execute({ terraform_dir: `${FOLDER}/vmware`, cmdb })).toContain('the CMDB was not updated');
});

it('lets a Python program call all four workflow types by name, decide at a gate, and serve a step of a runbook', async () => {
  const python = await pythonWithTemporal();
  const { stdout } = await run(
    python,
    [fileURLToPath(new URL('foreign_caller.py', import.meta.url)), temporal.address, temporal.namespace, FOLDER],
    {
      timeout: 200_000,
    },
  );
  expect(JSON.parse(stdout)).toEqual({
    ansible: 'successful',
    terraform: { refused: true, output: 'hello', add: 1 },
    migration: { applied: 1, again: 0 },
    runbook: { warmed: 'prod', approvedBy: 'pia' },
    refusal: { code: 'InvalidInput', retries: 0 },
  });
});

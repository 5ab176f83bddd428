import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { obtainTools } from '@switchyard/local-stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, type Checkout } from '../src/checkout.js';
import { pythonWithTemporal } from '../src/python.js';

const run = promisify(execFile);
let checkout: Checkout;
let temporal: { address: string; namespace: string };

beforeAll(async () => {
  checkout = await makeCheckout();
  const up = await checkout.json<{ temporal: typeof temporal }>(['up'], { timeoutMs: 170_000 });
  expect(up.code, up.stderr).toBe(0);
  ({ temporal } = up.value);
  await mkdir(join(checkout.root, 'stack'));
  await writeFile(
    join(checkout.root, 'apt_update.yml'),
    "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - raw: 'true'\n",
  );
  await writeFile(
    join(checkout.root, 'stack', 'main.tf'),
    'resource "terraform_data" "x" {\n  input = "hello"\n}\noutput "word" {\n  value = terraform_data.x.output\n}\n',
  );
  await mkdir(join(checkout.root, 'vmware'));
  await writeFile(
    join(checkout.root, 'vmware', 'main.tf'),
    'resource "terraform_data" "machine" {\n  input = "10.0.0.21"\n}\noutput "address" {\n  value = terraform_data.machine.output\n}\n',
  );
  await writeFile(
    join(checkout.root, 'changelog.yaml'),
    'databaseChangeLog:\n  - changeSet:\n      id: foreign-1\n      author: test\n      changes:\n        - createTable: { tableName: foreign_caller, columns: [{ column: { name: id, type: int } }] }\n',
  );
}, 180_000);
afterAll(() => checkout.dispose());

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
    '"apt_update.yml"',
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
  expect(await execute('vmware')).toContain('10.0.0.21');
  expect(await execute({ terraform_dir: 'vmware', cmdb })).toContain('the CMDB was not updated');
});

it('lets a Python program call all four workflow types by name, decide at a gate, and serve a step of a runbook', async () => {
  const python = await pythonWithTemporal();
  const { stdout } = await run(
    python,
    [fileURLToPath(new URL('foreign_caller.py', import.meta.url)), temporal.address, temporal.namespace],
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

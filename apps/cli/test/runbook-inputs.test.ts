import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const DEPLOY = `
apiVersion: switchyard.dev/v1
kind: Runbook
metadata: { name: deploy }
inputs:
  env: { type: string, enum: [dev, prod], default: dev, description: Where to }
  release: { type: string, pattern: '\\d+\\.\\d+' }
  replicas: { type: integer, min: 1, max: 9, required: false }
  token: { type: string, secret: true }
steps:
  - { id: a, uses: wait, with: { for: 1 } }
`;
const PLAIN = `
apiVersion: switchyard.dev/v1
kind: Runbook
metadata: { name: plain }
steps:
  - { id: a, uses: wait, with: { for: 1 } }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-inputs-'));
  await writeFile(join(folder, 'deploy.yaml'), DEPLOY);
  await writeFile(join(folder, 'plain.yaml'), PLAIN);
});
afterAll(() => rm(folder, { recursive: true }));

/** A call with a Temporal that is not there: what gets as far as sending fails otherwise than what is refused. */
async function cli(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'], SWITCHYARD_ROOT: folder, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  return promisify(execFile)(process.execPath, [MAIN, ...words], { env, cwd: folder }).then(
    (said) => ({ code: 0, ...said }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

const runDeploy = (...more: string[]) => cli('run', 'runbook', 'deploy.yaml', ...more);
const RELEASE = ['--set', 'release=1.4'];
const TOKEN = ['--set', 'token={"$secret": "deploy-token"}'];

test('runbook inputs lists what a runbook asks for', async () => {
  const { stdout } = await cli('runbook', 'inputs', 'deploy.yaml');
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(/^input +type +default +allowed +description$/),
    expect.stringMatching(/^env +string +"dev" +"dev", "prod" +Where to$/),
    expect.stringMatching(/^release +string +required +matches \\d\+\\.\\d\+$/),
    expect.stringMatching(/^replicas +integer +null +at least 1; at most 9$/),
    expect.stringMatching(/^token +secret +required$/),
    '',
  ]);
  expect((await cli('runbook', 'inputs', 'plain.yaml')).stdout).toBe('plain takes no inputs\n');
});

test('runbook inputs --json gives each declaration with required and secret filled in', async () => {
  const { stdout } = await cli('runbook', 'inputs', 'deploy.yaml', '--json');
  expect(JSON.parse(stdout)).toEqual({
    runbook: 'deploy',
    inputs: [
      {
        name: 'env',
        type: 'string',
        enum: ['dev', 'prod'],
        default: 'dev',
        description: 'Where to',
        required: false,
        secret: false,
      },
      { name: 'release', type: 'string', pattern: '\\d+\\.\\d+', required: true, secret: false },
      { name: 'replicas', type: 'integer', min: 1, max: 9, required: false, secret: false },
      { name: 'token', type: 'string', required: true, secret: true },
    ],
  });
});

test.each([
  ['that is missing', TOKEN, /inputs\.release: is required/],
  [
    'that is out of bounds',
    [...RELEASE, ...TOKEN, '--set', 'replicas=10'],
    /inputs\.replicas: must be at most 9, got 10/,
  ],
  ['that nobody knows', [...RELEASE, ...TOKEN, '--set', 'relase=2'], /did you mean "release"/],
  [
    'that is a secret in place of its name',
    [...RELEASE, '--set', 'token=hunter2'],
    /inputs\.token: must name a secret/,
  ],
  [
    'of --input',
    ['--input', '{"inputs": {"release": "one", "token": {"$secret": "t"}}}'],
    /inputs\.release: must match/,
  ],
])('run runbook refuses an input %s before anything is sent', async (_what, words, message) => {
  const { code, stdout, stderr } = await runDeploy(...words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('hunter2');
});

test('run workflow RunbookWorkflow is refused in the same way', async () => {
  const runbook = {
    apiVersion: 'switchyard.dev/v1',
    kind: 'Runbook',
    metadata: { name: 'deploy' },
    inputs: { token: { type: 'string', secret: true } },
    steps: [{ id: 'a', uses: 'wait', with: { for: 1 } }],
  };
  const input = JSON.stringify({ runbook, inputs: { token: 'hunter2' } });
  const { code, stderr } = await cli('run', 'workflow', 'RunbookWorkflow', '--input', input);
  expect(code).toBe(2);
  expect(stderr).toMatch(/inputs\.token: must name a secret/);
  expect(stderr).not.toContain('hunter2');
});

test('run runbook sends inputs that fit', async () => {
  const { code, stderr } = await runDeploy(...RELEASE, ...TOKEN, '--set', 'replicas=9');
  expect(stderr).not.toMatch(/inputs/);
  expect(code).not.toBe(0);
  expect(code).not.toBe(2);
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '@switchyard/local-stack';
import { waitFor } from '@switchyard/testkit';
import { extract } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandLine } from '../src/checkout.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

const FOLDER = 'run-evidence';
let checkout: CommandLine;
let stack: OpenStack;

const RUN = 'release-7';
/** A password that stands in the input, where none should be. */
const INLINE = 'never-in-a-pack';

const runbook = (steps: string): string =>
  `apiVersion: switchyard.dev/v1\nkind: Runbook\nmetadata: { name: release }\nsteps:\n${steps}`;

const FILES: Readonly<Record<string, string>> = {
  'site.yml':
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - { name: install, raw: 'exit {{ code | default(0) }}' }\n",
  'hosts.ini': 'good ansible_connection=local\nbad ansible_connection=local code=3\n',
  'undo.yml': "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - { raw: 'true' }\n",
  'undo-fails.yml':
    '- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - fail: { msg: no way back }\n',
  'release.yaml': runbook(
    [
      '  - id: net',
      '    uses: ansible',
      `    with: { playbook: ${FOLDER}/undo.yml }`,
      `    compensate: { uses: ansible, with: { playbook: ${FOLDER}/undo.yml } }`,
      '  - id: dns',
      '    uses: ansible',
      '    needs: [net]',
      `    with: { playbook: ${FOLDER}/undo.yml }`,
      `    compensate: { uses: ansible, with: { playbook: ${FOLDER}/undo-fails.yml, retry: { attempts: 1 } } }`,
      '  - id: web',
      '    uses: ansible',
      '    needs: [dns]',
      '    onFailure: compensate',
      '    with:',
      `      playbook: ${FOLDER}/site.yml`,
      `      inventory: ${FOLDER}/hosts.ini`,
      `      extraVars: { db_password: ${INLINE} }`,
      '      retry: { attempts: 2, delay: 10ms }',
    ].join('\n'),
  ),
  'gate.yaml': runbook('  - { id: go, uses: approval, with: { title: Go on? } }\n'),
};

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack(FOLDER));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(checkout.folder, name), content);
  const { code } = await checkout.json(['run', 'runbook', 'release.yaml', '--id', RUN, '--as', 'ann', '--wait']);
  expect(code).toBe(6);
});
afterAll(() => stack.close());

interface Explained {
  readonly state: string;
  readonly summary: string;
  readonly cause: {
    readonly chain: readonly { workflowId: string; step: string | null; code: string }[];
    readonly evidence: readonly { subject: string; task: string; attempt: number }[];
  } | null;
  readonly compensation: readonly { what: string; outcome: string }[];
  readonly waits: readonly { kind: string; name: string }[];
  readonly next: readonly string[];
  readonly missing: readonly string[];
}

describe('runs explain', () => {
  it('follows a failed runbook to the host and task where it began, and says what was not undone', async () => {
    const { code, value } = await checkout.json<Explained>(['runs', 'explain', RUN]);
    expect(code).toBe(0);
    expect(value.cause?.chain.map(({ workflowId, step, code: failure }) => [workflowId, step, failure])).toEqual([
      [RUN, 'web', 'CompensationFailed'],
      [`${RUN}/web`, 'playbook', 'AnsibleHostsFailed'],
    ]);
    expect(value.cause?.evidence).toMatchObject([{ subject: 'bad', task: 'install', attempt: 2 }]);
    expect(value.compensation).toMatchObject([
      { what: 'dns', outcome: 'failed' },
      { what: 'net', outcome: 'undone' },
    ]);
    expect(value.next).toContain(`switchyard runs retry ${RUN}/web --hosts failed`);
    expect(value.missing).toEqual([]);
    const { stdout } = await checkout.cli(['runs', 'explain', RUN]);
    expect(stdout).toContain('1 could not be undone');
    expect(stdout).toMatch(/bad: failed: install/);
  });

  it('says what a run that is under way waits for, with the command that ends the wait', async () => {
    await checkout.json(['run', 'runbook', 'gate.yaml', '--id', 'gated', '--as', 'ann']);
    const gated = await waitFor(
      async () => {
        const { value } = await checkout.json<Explained>(['runs', 'explain', 'gated']);
        return value.waits.some(({ kind }) => kind === 'approval') ? value : undefined;
      },
      { intervalMs: 250, what: 'the gate' },
    );
    expect(gated).toMatchObject({ state: 'running', cause: null });
    const [command = ''] = gated.next;
    expect(command).toMatch(/^switchyard approve gated --gate go --evidence sha256:/);
    expect((await checkout.json([...command.split(' ').slice(1), '--as', 'bob'])).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', 'gated'])).code).toBe(0);
    const { value } = await checkout.json<Explained>(['runs', 'explain', 'gated']);
    expect(value).toMatchObject({ state: 'completed', cause: null, waits: [], next: [] });
    expect(value.summary).toContain('ended well');
  });

  it('knows no run that does not exist', async () => {
    expect((await checkout.json(['runs', 'explain', 'nothing'])).code).toBe(2);
  });
});

describe('runs replay', () => {
  it('plays a run and its children against the code of this checkout', async () => {
    const { code, stdout, stderr } = await checkout.cli(['runs', 'replay', RUN]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(`child AnsibleWorkflow ${RUN}/web`);
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^replayed \d+ events, deterministic$/);
    expect(stderr).toBe('');
    const { value } = await checkout.json<{ deterministic: boolean; executions: { workflowId: string }[] }>([
      'runs',
      'replay',
      RUN,
    ]);
    expect(value.deterministic).toBe(true);
    expect(value.executions.map(({ workflowId }) => workflowId)).toEqual([
      RUN,
      `${RUN}/net`,
      `${RUN}/dns`,
      `${RUN}/web`,
      `${RUN}/dns/undo`,
      `${RUN}/net/undo`,
    ]);
  });
});

describe('runs export', () => {
  const EXPORT = ['runs', 'export', RUN, '-o'];

  it('gives the same bytes each time, which verify finds whole', async () => {
    const first = await checkout.json<{ digest: string }>([...EXPORT, 'a.tar.gz']);
    const second = await checkout.json<{ digest: string }>([...EXPORT, 'b.tar.gz']);
    expect([first.code, second.code, second.value.digest]).toEqual([0, 0, first.value.digest]);
    const [a, b] = await Promise.all(['a.tar.gz', 'b.tar.gz'].map((name) => readFile(join(checkout.folder, name))));
    expect(b).toEqual(a);
    expect((await checkout.json(['runs', 'verify', 'a.tar.gz', '--digest', first.value.digest])).code).toBe(0);
    expect((await checkout.json(['runs', 'verify', 'a.tar.gz', '--digest', `sha256:${'0'.repeat(64)}`])).code).toBe(3);
    expect((await checkout.json([...EXPORT, 'a.tar.gz'])).code).toBe(2);
  });

  it('holds input, hosts, compensation, events and versions, and no secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pack-'));
    await checkout.json([...EXPORT, 'c.tar.gz']);
    await extract({ file: join(checkout.folder, 'c.tar.gz'), cwd: folder });
    const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    const json = async (name: string): Promise<unknown> => JSON.parse(await text(name)) as unknown;
    expect(await json('run.json')).toMatchObject({
      runId: RUN,
      startedBy: 'ann',
      status: 'FAILED',
      outcome: { ok: false, failure: { code: 'CompensationFailed' } },
    });
    expect(await json('input.json')).toMatchObject({ runbook: { metadata: { name: 'release' } } });
    const hosts = (await json('hosts.json')) as { workflowId: string; hosts: { host: string; state: string }[] }[];
    const web = hosts.find(({ workflowId }) => workflowId === `${RUN}/web`);
    expect(web?.hosts.map(({ host, state }) => [host, state])).toEqual([
      ['bad', 'failed'],
      ['good', 'ok'],
    ]);
    expect(await json('versions.json')).toMatchObject({ 'ansible-core': [expect.stringMatching(/^2\./)] });
    const events = (await text('events.jsonl')).trim().split('\n');
    expect(events.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(events.map((_, i) => i + 1));
    const { files } = (await json('manifest.json')) as { files: { path: string }[] };
    const password = (await readFile((await environmentOf())['DB_PASSWORD_SERVER_FILE'] ?? '', 'utf8')).trim();
    for (const { path } of files) {
      expect(await text(path)).not.toContain(INLINE);
      expect(await text(path)).not.toContain(password);
    }
    await rm(folder, { recursive: true });
  });

  it('is of whole runs: a child is refused, and its run is named', async () => {
    const { code, value } = await checkout.json<{ error: { message: string } }>([
      'runs',
      'export',
      `${RUN}/web`,
      '-o',
      'd.tar.gz',
    ]);
    expect(code).toBe(2);
    expect(value.error.message).toContain(`started by ${RUN}`);
  });
});

const environmentOf = async (): Promise<NodeJS.ProcessEnv> => (await environment(checkout.root, {})) ?? {};

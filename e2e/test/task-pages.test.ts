import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnsibleResult } from '@switchyard/contracts';
import { fakeHttp, waitFor, type FakeHttp } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryFile, type CommandLine } from '../src/checkout.js';
import { blocksOf, edited } from '../src/edited.js';
import { openGate } from '../src/open-gate.js';
import { noting, outcomes, RunbookRuns } from '../src/runbook-runs.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';
import { whileTeamWorks } from '../src/team-worker.js';

let checkout: CommandLine;
let stack: OpenStack;
let runs: RunbookRuns;
let cmdb: FakeHttp;

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack('task-pages'));
  runs = new RunbookRuns(checkout, stack);
  await runs.secret('cmdb-token', 'cmdb-5e81');
  const host = (name: string, role: string): object => ({ name, ip: '127.0.0.1', user: 'ops', role });
  cmdb = await fakeHttp({
    'GET /api/hosts': ({ query }) =>
      query['page'] === '2'
        ? { body: { hosts: [host('db1', 'db')], next: null, total: 2 } }
        : { body: { hosts: [host('web1', 'web')], next: '?page=2', total: 2 } },
  });
}, 240_000);
afterAll(async () => {
  await cmdb.close();
  await stack.close();
});

/** Writes the runbook of a page into the folder of this file, with its projects there. */
async function runbookOf(page: string, places: Readonly<Record<string, string>>): Promise<string> {
  const [text = ''] = blocksOf(await repositoryFile(`docs/${page}.md`), 'yaml');
  await writeFile(join(checkout.folder, `${page}.yaml`), edited(text, places));
  return `${page}.yaml`;
}

it(
  'docs/runbooks.md shows a runbook that provisions, configures, asks and calls another team',
  { timeout: 240_000 },
  async () => {
    const hosts = (name: string): string => `{ web = { hosts = { ${name} = {} } } }`;
    const path = await runs.folder('runbooks', {
      'site.yml': noting(),
      'main.tf': `variable "env" { type = string }
output "groups" { value = [${hosts('one')}, ${hosts('two')}] }
`,
    });
    const file = await runbookOf('runbooks', { 'infra/network': path, 'site.yml': `${path}/site.yml` });
    await whileTeamWorks(stack, async () => {
      await runs.start(file, 'page-runbooks', { env: 'prod' });
      const end = await runs.approved('page-runbooks');
      expect(outcomes(end)).toEqual({
        network: 'successful',
        configure: 'successful',
        prod_approval: 'successful',
        warm: 'successful',
      });
      expect(end.steps['warm']?.result).toEqual({ env: 'prod' });
    });
    expect((await runs.ran(path)).toSorted()).toEqual(['one', 'two']);

    // As docs/runs.md says: what the run keeps can be fetched, with the key of the stack.
    const kept = await checkout.json<readonly { kind: string; name: string; bytes: number; digest: string }[]>([
      'runs',
      'artifacts',
      'page-runbooks',
    ]);
    const plan = kept.value.find(({ kind }) => kind === 'terraform-plan');
    expect(plan, JSON.stringify(kept.value)).toBeDefined();
    const output = join(checkout.folder, 'plan.fetched');
    const words = ['runs', 'artifacts', 'page-runbooks', plan?.digest ?? '', '--output', output];
    expect((await checkout.json(words)).code).toBe(0);
    const digest = createHash('sha256')
      .update(await readFile(output))
      .digest('hex');
    expect(`sha256:${digest}`).toBe(plan?.digest);
  },
);

describe('docs/approvals.md', { timeout: 240_000 }, () => {
  let file: string;
  let path: string;
  let commands: Record<'approve' | 'reject' | 'revoke', string>;
  beforeAll(async () => {
    path = await runs.folder('approvals', { 'restart.yml': noting('', 'localhost') });
    file = await runbookOf('approvals', { 'restart.yml': `${path}/restart.yml` });
    const page = await repositoryFile('docs/approvals.md');
    const line = (name: string): string =>
      page.split('\n').find((one) => one.startsWith(`./switchyard ${name} `)) ?? '';
    commands = { approve: line('approve'), reject: line('reject'), revoke: line('revoke') };
  });

  /** A command of the page, for a run and as somebody. */
  const decide = (command: string, runId: string, as: string): Promise<{ code: number | null; value: unknown }> => {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    // At a terminal the page's command asks; here nobody is there to answer.
    const yes = words[1] === 'approve' ? ['--yes'] : [];
    return checkout.json([...words.slice(1).map((word) => (word === 'RUN' ? runId : word)), '--as', as, ...yes]);
  };

  it('shows a runbook whose two groups approve, revoke and answer by the commands of the page', async () => {
    await runs.start(file, 'page-approvals');
    const { name, evidence } = await openGate(stack.client, 'page-approvals');
    expect(await decide(commands.approve, 'page-approvals', 'bob')).toMatchObject({ code: 0 });
    expect(await decide(commands.revoke, 'page-approvals', 'bob')).toMatchObject({ code: 0 });
    const by = { identity: 'cid', channel: 'test', groups: ['operations'] };
    await stack.client.workflow.getHandle('page-approvals').executeUpdate('approve', {
      args: [{ gate: name, evidence, reason: 'a quiet hour', fields: { window: 'night' }, by }],
    });
    expect(await runs.ran(path)).toEqual([]);
    expect(await decide(commands.approve, 'page-approvals', 'bob')).toMatchObject({ code: 0 });
    expect(outcomes(await runs.endOf('page-approvals'))).toEqual({ go: 'successful', restart: 'successful' });
    expect(await runs.ran(path)).toEqual(['localhost']);
  });

  it('shows a rejection that is enough', async () => {
    await runs.start(file, 'page-rejected');
    await openGate(stack.client, 'page-rejected');
    expect(await decide(commands.reject, 'page-rejected', 'bob')).toMatchObject({ code: 0 });
    await expect(runs.endOf('page-rejected')).rejects.toMatchObject({ cause: { type: 'ApprovalRejected' } });
  });
});

it('docs/locks.md shows a runbook and a playbook that keep others waiting', { timeout: 240_000 }, async () => {
  const { client } = stack;
  const file = await runbookOf('locks', { 'for: 1s': 'signal: go' });
  await runs.start(file, 'page-locks-1', { env: 'dev' });
  const list = async (): Promise<unknown> => (await checkout.json(['locks', 'list'])).value;
  const holder = { workflowId: 'page-locks-1', reason: 'runbook release' };
  const held = [
    { name: 'env/dev', ...holder, waiters: [] },
    { name: 'hosts/web', ...holder, waiters: [] },
  ];
  await waitFor(async () => JSON.stringify(await list()).includes('hosts/web'), {
    what: 'the locks',
    timeoutMs: 30_000,
  });
  expect(await list()).toMatchObject(held);

  const path = await runs.folder('locks', { 'patch.yml': noting(), 'web.ini': 'web1\n' });
  const words = ['run', 'ansible', `${path}/patch.yml`, '--inventory', `${path}/web.ini`, '--lock', 'hosts/web'];
  expect((await checkout.json([...words, '--id', 'page-locks-2', '--as', 'ann'])).code).toBe(0);
  const status = await waitFor(
    async () => {
      const { stdout } = await checkout.cli(['runs', 'show', 'page-locks-2']);
      return stdout.includes('Take locks: page-locks-1 has hosts/web since') ? stdout : undefined;
    },
    { what: 'the playbook to wait', timeoutMs: 30_000 },
  );
  expect(status).toContain('(runbook release)');
  expect(await list()).toMatchObject([held[0], { ...held[1], waiters: [{ workflowId: 'page-locks-2' }] }]);
  expect(await runs.ran(path)).toEqual([]);
  await client.workflow.getHandle('page-locks-1').signal('go', {});
  expect(outcomes(await runs.endOf('page-locks-1'))).toEqual({ pause: 'successful' });
  expect(await client.workflow.getHandle('page-locks-2').result()).toMatchObject({ verdict: 'successful' });
  expect(await runs.ran(path)).toEqual(['web1']);
  expect(await list()).toEqual([]);
});

describe('docs/inventories.md', { timeout: 240_000 }, () => {
  /** Starts the input of the page as another team would, with a playbook that notes the hosts. */
  async function play(index: number): Promise<{ result: AnsibleResult; path: string }> {
    const vars = '  vars: { ansible_become: false }\n';
    const text = noting().replace('  tasks:', `${vars}  tasks:`);
    const path = await runs.folder(`inventories-${index}`, {
      'patch.yml': text,
      'site.yml': text,
      'hosts.ini': 'own1\n',
    });
    const example = blocksOf(await repositoryFile('docs/inventories.md'), 'json')[index] ?? '';
    const input = JSON.parse(
      edited(example, { 'https://cmdb.example.com': cmdb.url, '"playbook": "': `"playbook": "${path}/` }).replace(
        '"hosts.ini"',
        `"${path}/hosts.ini"`,
      ),
    ) as object;
    const result = (await stack.client.workflow.execute('AnsibleWorkflow', {
      taskQueue: 'ansible-queue',
      workflowId: `page-inventories-${index}`,
      args: [input],
    })) as AnsibleResult;
    return { result, path };
  }

  it('shows a playbook on the hosts of a CMDB', async () => {
    const { result, path } = await play(0);
    expect(result.verdict).toBe('successful');
    expect((await runs.ran(path)).toSorted()).toEqual(['db1', 'web1']);
    expect(cmdb.requests.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill('Bearer cmdb-5e81'));
  });

  it('shows several sources that are merged', async () => {
    const { path } = await play(1);
    expect((await runs.ran(path)).toSorted()).toEqual(['db1', 'own1', 'web1']);
  });

  it('shows a runbook that configures what Terraform has made', async () => {
    const path = await runs.folder('inventories', {
      'site.yml': noting('    - raw: test {{ inventory_hostname }} != web9 || test {{ ansible_host }} = 10.0.0.9\n'),
      'main.tf': 'output "web_hosts" { value = { web9 = "10.0.0.9" } }\noutput "db_hosts" { value = ["db9"] }\n',
    });
    const file = await runbookOf('inventories', { 'infra/vms': path, 'site.yml': `${path}/site.yml` });
    await runs.start(file, 'page-inventories');
    expect(outcomes(await runs.approved('page-inventories'))).toEqual({ vms: 'successful', configure: 'successful' });
    expect((await runs.ran(path)).toSorted()).toEqual(['db9', 'web9']);
  });
});

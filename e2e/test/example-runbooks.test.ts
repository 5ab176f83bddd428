import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fakeHttp,
  playControllers,
  startKubernetes,
  waitFor,
  type FakeHttp,
  type StartedKubernetes,
} from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, type Checkout } from '../src/checkout.js';
import { openGate } from '../src/open-gate.js';
import { noting, outcomes, RunbookRuns, startWords, type RunbookEnd } from '../src/runbook-runs.js';
import { openStack, type OpenStack } from '../src/stack.js';
import { whileTeamWorks } from '../src/team-worker.js';

let checkout: Checkout;
let stack: OpenStack;
let runs: RunbookRuns;
/** The services of other companies that the examples call. */
let world: FakeHttp;
let cluster: StartedKubernetes;
let controllers: ReturnType<typeof playControllers>;

beforeAll(async () => {
  checkout = await makeCheckout();
  cluster = await startKubernetes();
  controllers = playControllers(cluster);
  [stack, world] = await Promise.all([openStack(checkout, { SWITCHYARD_KUBECONFIG: cluster.kubeconfig }), fakeHttp()]);
  runs = new RunbookRuns(checkout, stack);
  await runs.secret('cmdb-token', 'cmdb-5e81');
  await runs.secret('slack-bot-token', 'xoxb-77c1');
}, 240_000);
afterAll(async () => {
  await stack.close();
  await world.close();
  await controllers.stop();
  await cluster.stop();
  await checkout.dispose();
}, 60_000);

const words = (name: string, inputs: Readonly<Record<string, unknown>>): string[] =>
  startWords(`examples/runbooks/${name}.yaml`, name, inputs);

/** Runs an example to its end. */
async function run(name: string, inputs: Readonly<Record<string, unknown>>): Promise<RunbookEnd> {
  await runs.start(`examples/runbooks/${name}.yaml`, name, inputs);
  return runs.endOf(name);
}

it('long-run goes on after its worker was killed, and a host that was through does not run again', async () => {
  const hosts = Array.from({ length: 12 }, (_, i) => `host-${String(i + 1).padStart(2, '0')}`);
  await runs.folder('long', { 'rebuild.yml': noting('    - raw: sleep 1\n'), 'hosts.ini': `${hosts.join('\n')}\n` });
  await checkout.json(
    words('long-run', {
      playbook: 'long/rebuild.yml',
      inventory: 'long/hosts.ini',
      batch_size: 2,
      parallel: 2,
    }),
  );
  await waitFor(async () => (await runs.ran('long')).length >= 4, { what: 'four hosts to be through' });
  const through = async (): Promise<string[]> => {
    const { rows } = await stack.store.knex.raw<{ rows: { host: string }[] }>(
      `select l.host from switchyard.host_ledger l join switchyard.host_snapshots s using (execution_id)
      where s.run_id like 'long-run%' and l.state = 'ok'`,
    );
    return rows.map(({ host }) => host);
  };
  const worker = (await stack.status()).workers.find(({ name }) => name === 'ansible-worker');
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  const before = await through();
  expect(before.length).toBeGreaterThan(0);
  expect(outcomes(await runs.endOf('long-run'))).toEqual({ rebuild: 'successful' });
  const all = await runs.ran('long');
  expect([...new Set(all)].toSorted()).toEqual(hosts);
  for (const host of before) expect(all.filter((each) => each === host)).toEqual([host]);
});

it('fan-out asks for 500 machines, once each, and tells how it went', async () => {
  const machines = Array.from({ length: 500 }, (_, i) => `vm-${i}`);
  const made = new Map<string, number>();
  world.on({
    'PUT /machines/*': ({ path }) => {
      made.set(path, (made.get(path) ?? 0) + 1);
      return path.endsWith('/vm-13') ? { status: 400, body: { error: 'no such template' } } : { status: 201, body: {} };
    },
    'POST /fan-out-chat': {},
  });
  const result = await run('fan-out', { machines, api_url: world.url, chat_url: `${world.url}/fan-out-chat` });
  expect([...made.keys()].toSorted()).toEqual(machines.map((name) => `/machines/${name}`).toSorted());
  expect(Math.max(...made.values())).toBe(1);
  expect(world.requests.filter(({ path }) => path === '/fan-out-chat').map(({ json }) => json)).toMatchObject([
    { fields: { deployed: 499, failed: 1 } },
  ]);
  expect(outcomes(result)).toEqual({ deploy: 'failed', told: 'successful' });
});

it('patch-hosts takes its hosts from the CMDB, and tries only the failed one again', async () => {
  const host = (name: string, role: string): object => ({ name, ip: '127.0.0.1', user: 'ops', role });
  world.on({
    'GET /hosts': {
      body: { hosts: [host('db-1', 'db'), host('web-1', 'web'), host('web-2', 'web')], next: null, total: 3 },
    },
  });
  await runs.folder('patch', {
    'patch.yml': noting(`    - raw: echo {{ inventory_hostname }} >> {{ playbook_dir }}/tried.txt
    - raw: test {{ inventory_hostname }} != web-2 || test -e {{ playbook_dir }}/mended || { touch {{ playbook_dir }}/mended; exit 1; }
`),
  });
  const result = await run('patch-hosts', { playbook: 'patch/patch.yml', cmdb_url: world.url, become: false });
  expect(outcomes(result)).toEqual({ canary: 'successful', others: 'successful' });
  const tried = (await readFile(join(checkout.root, 'patch', 'tried.txt'), 'utf8')).trim().split('\n');
  expect(tried.toSorted()).toEqual(['db-1', 'web-1', 'web-2', 'web-2']);
  expect(tried[0]).toBe('db-1');
  expect((await runs.ran('patch')).toSorted()).toEqual(['db-1', 'web-1', 'web-2']);
  const asked = world.requests.filter(({ path }) => path === '/hosts');
  expect(new Set(asked.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer cmdb-5e81']));
});

it('vmware-deploy makes the machine after an approval; a CMDB that fails is a warning', async () => {
  await runs.folder('vmware', {
    'main.tf': `variable "env" { type = string }
resource "terraform_data" "machine" { input = "web-\${var.env}" }
output "name" { value = terraform_data.machine.output }
output "address" { value = "10.0.0.21" }
`,
  });
  const value = (text: string): object => ({
    body: { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, text] }] } },
  });
  world.on({
    'GET /api/v1/query': value('1'),
    'POST /api/v1/query': value('1'),
    'PUT /cmdb/hosts/web-dev': { status: 400, body: { error: 'read-only today' } },
    'POST /slack/chat.postMessage': { body: { ok: true, channel: 'C1', ts: '1.1' } },
  });
  const { code } = await checkout.json(
    words('vmware-deploy', {
      terraform_dir: 'vmware',
      prometheus_url: world.url,
      cmdb_url: `${world.url}/cmdb`,
      slack_channel: 'C1',
      slack_api: `${world.url}/slack/`,
      interval: '10ms',
    }),
  );
  expect(code).toBe(0);
  const result = await runs.approved('vmware-deploy');
  expect(outcomes(result)).toEqual({
    capacity: 'successful',
    machine: 'successful',
    record: 'failed',
    monitored: 'successful',
    told: 'successful',
  });
  expect(result.warnings).toHaveLength(1);
  const sent = world.requests.find(({ path }) => path === '/slack/chat.postMessage');
  expect(sent?.headers.authorization).toBe('Bearer xoxb-77c1');
  expect(JSON.stringify(sent?.json)).toContain('web-dev is up');
});

it('staging-approval-production deploys to production when a second person agreed', async () => {
  await runs.folder('release', {
    'deploy_staging.yml': noting('', 'localhost'),
    'deploy_prod.yml': noting('', 'localhost'),
  });
  world.on({ 'POST /release-chat': {} });
  await checkout.json(
    words('staging-approval-production', {
      release: '1.4.0',
      playbooks: 'release',
      chat_url: `${world.url}/release-chat`,
    }),
  );
  await waitFor(() => world.requests.some(({ path }) => path === '/release-chat'), { what: 'people to be told' });
  expect(await runs.ran('release')).toHaveLength(1);
  const result = await runs.approved('staging-approval-production');
  expect(outcomes(result)).toEqual({
    staging: 'successful',
    ask: 'successful',
    prod_approval: 'successful',
    production: 'successful',
  });
  expect(await runs.ran('release')).toHaveLength(2);
});

it('two-groups-approval restarts in batches of the size that one of the two groups answered', async () => {
  await runs.folder('restart', { 'restart.yml': noting('', 'localhost') });
  await checkout.json(words('two-groups-approval', { playbook: 'restart/restart.yml' }));
  const handle = stack.client.workflow.getHandle('two-groups-approval');
  const gate = await openGate(stack.client, 'two-groups-approval');
  const approve = (identity: string, groups: readonly string[], fields: object): Promise<unknown> =>
    handle.executeUpdate('approve', {
      args: [
        {
          gate: gate.name,
          evidence: gate.evidence,
          reason: 'a quiet hour',
          fields,
          by: { identity, channel: 'test', groups },
        },
      ],
    });
  await approve('bob@example.org', [], { window: 'now', batch: 5 });
  await approve('cid@example.org', ['operations'], { window: 'now', batch: 5 });
  expect(outcomes(await runs.endOf('two-groups-approval'))).toEqual({
    restart_approval: 'successful',
    until_night: 'skipped',
    restart: 'successful',
  });
  expect(await runs.ran('restart')).toHaveLength(1);
});

it('cross-team-call has the worker of another team warm the caches', async () => {
  await runs.folder('caches', { 'site.yml': noting('', 'localhost') });
  const result = await whileTeamWorks(stack, () =>
    run('cross-team-call', { playbook: 'caches/site.yml', env: 'prod' }),
  );
  expect(outcomes(result)).toEqual({ configure: 'successful', warm: 'successful', fallback: 'skipped' });
  expect(result.steps['warm']?.result).toEqual({ warmed: 1, env: 'prod' });
});

it('simple runs one playbook', async () => {
  await runs.folder('simple', { 'apt_update.yml': noting('', 'localhost') });
  const result = await run('simple', { playbook: 'simple/apt_update.yml' });
  expect(outcomes(result)).toEqual({ on_hosts: 'skipped', on_localhost: 'successful' });
  expect(await runs.ran('simple')).toEqual(['localhost']);
});

const inWeb = async (path: string): Promise<string[]> => {
  const { body } = await cluster.ask('GET', path.replace('*', 'namespaces/web'));
  return (body as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);
};
const objectsInWeb = async (): Promise<string[]> =>
  (await Promise.all(['/api/v1/*/configmaps', '/api/v1/*/services', '/apis/apps/v1/*/deployments'].map(inWeb))).flat();

const resources = async (): Promise<unknown[]> => {
  const state = join(checkout.root, 'examples/kubernetes/terraform/terraform.tfstate');
  return (JSON.parse(await readFile(state, 'utf8')) as { resources: unknown[] }).resources;
};

it('terraform-kubernetes-ansible leads the proxies of Terraform to a service that is ready', async () => {
  await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } });
  const result = await run('terraform-kubernetes-ansible', { site_root: join(checkout.root, 'site') });
  expect(outcomes(result)).toEqual({ proxies: 'successful', service: 'successful', lead: 'successful' });
  expect((await objectsInWeb()).toSorted()).toEqual(['switchyard-set-web', 'web', 'web', 'web']);
  const led = await readFile(join(checkout.root, 'site', 'proxy-dev-02', 'upstream.json'), 'utf8');
  expect(JSON.parse(led)).toEqual({ proxy: 'proxy-dev-02', upstream: 'web.web.svc:80' });
});

it('terraform-kubernetes-ansible takes objects and proxies away again when the playbook fails', async () => {
  await writeFile(join(checkout.root, 'no-directory'), '');
  const { code } = await checkout.json([
    ...words('terraform-kubernetes-ansible', { site_root: join(checkout.root, 'no-directory') }),
    '--id',
    'taken-back',
    '--wait',
  ]);
  expect(code).toBe(1);
  expect(await objectsInWeb()).toEqual([]);
  expect(await resources()).toEqual([]);
});

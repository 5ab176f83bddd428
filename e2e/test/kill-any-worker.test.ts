import { cp, mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseRunbookYaml } from '@switchyard/runbook';
import { listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, repositoryFile, type Checkout } from '../src/checkout.js';
import { approveEverything } from '../src/approve-everything.js';
import { processesOfRun } from '../src/processes-of-run.js';
import { seededRandom } from '../src/seeded-random.js';
import { startSite, type Site } from '../src/site.js';
import { openStack, type OpenStack } from '../src/stack.js';

const KILLS = 10;
const WORKERS = [
  'coordinator',
  'ansible-worker',
  'terraform-worker',
  'migration-worker',
  'integration-worker',
] as const;
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(seed);

let checkout: Checkout;
let stack: OpenStack;
let site: Site;

beforeAll(async () => {
  checkout = await makeCheckout();
  stack = await openStack(checkout);
  site = await startSite();
});
afterAll(async () => {
  await site.close();
  await stack.close();
  await checkout.dispose();
});

interface LedgerRow {
  readonly host: string;
}

/** Each worker is killed twice, at moments spread over the whole run. */
const cases = Array.from({ length: KILLS }, (_, i) => ({
  n: i + 1,
  worker: WORKERS[i % WORKERS.length] ?? 'coordinator',
  afterMs: Math.round(500 + random() * (i < WORKERS.length ? 12_000 : 6_000)),
}));

it.each(cases)(
  `ends in the right state when the $worker is killed after $afterMs ms (kill $n, KILL_SEED=${seed})`,
  async ({ n, worker, afterMs }) => {
    const project = join(checkout.root, `project-${n}`);
    await cp(join(checkout.root, 'examples', 'full-stack'), project, { recursive: true });
    const siteRoot = join(project, 'site');
    await mkdir(join(siteRoot, 'hosts'), { recursive: true });
    site.serve(siteRoot);
    site.notifications.length = 0;
    await stack.app.knex.raw(
      'drop table if exists demo_hosts, demo_releases, databasechangelog, databasechangeloglock',
    );
    const { runbook } = parseRunbookYaml(
      await repositoryFile('examples/runbooks/deploy-full-stack.yaml'),
      'deploy-full-stack.yaml',
    );
    const inputs = {
      project,
      site_root: siteRoot,
      site_url: site.url,
      notify_url: `${site.url}/notify`,
      install_seconds: 1,
    };
    const runId = `kill-${seed}-${n}`;
    const handle = await stack.client.workflow.start('RunbookWorkflow', {
      taskQueue: 'coordinator-queue',
      workflowId: runId,
      args: [{ runbook, inputs }],
    });
    const approver = approveEverything(stack.client, runId);

    await sleep(afterMs);
    const pid = (await stack.status()).workers.find((candidate) => candidate.name === worker)?.pid ?? 0;
    expect(pid).toBeGreaterThan(0);
    process.kill(pid, 'SIGKILL');
    const { rows: finished } = await stack.store.knex.raw<{ rows: LedgerRow[] }>(
      `select l.host from switchyard.host_ledger l join switchyard.host_snapshots s using (execution_id) where s.run_id = ? and l.state = 'ok'`,
      [runId],
    );

    const result = (await handle.result()) as { steps: Record<string, { outcome: string }> };
    await approver.stop();
    expect(Object.values(result.steps).map((step) => step.outcome)).toEqual(
      Array.from({ length: 6 }, () => 'successful'),
    );

    const hosts = (await readdir(join(siteRoot, 'hosts'))).toSorted();
    expect(hosts).toEqual(['web-01', 'web-02', 'web-03', 'web-04', 'web-05', 'web-06']);
    for (const host of hosts) {
      const lines = (await readFile(join(siteRoot, 'hosts', host, 'journal.log'), 'utf8')).trim().split('\n');
      // Only a host that was in flight in a killed ansible-worker may have been configured a second time.
      const once = worker !== 'ansible-worker' || finished.some((row) => row.host === host);
      expect(lines.length, `${host} ran ${lines.length} times`).toBeLessThanOrEqual(once ? 1 : 2);
    }

    const state = JSON.parse(await readFile(join(project, 'terraform', 'terraform.tfstate'), 'utf8')) as {
      resources: { name: string; instances: { status?: string }[] }[];
    };
    expect(Object.fromEntries(state.resources.map((resource) => [resource.name, resource.instances.length]))).toEqual({
      bootstrap: 1,
      host: 6,
      network: 1,
    });
    expect(
      state.resources.flatMap((resource) => resource.instances).filter((instance) => instance.status === 'tainted'),
    ).toEqual([]);
    expect((await readdir(join(project, 'terraform'))).filter((name) => name.includes('.lock.info'))).toEqual([]);

    const { rows: releases } = await stack.app.knex.raw<{ rows: unknown[] }>('select version from demo_releases');
    expect(releases).toEqual([{ version: '1.0.0' }]);
    // At least once: a worker that is killed between sending and reporting sends again, with the same idempotency key.
    expect(new Set(site.notifications).size).toBe(1);

    expect(await listLocks(stack.store.knex)).toEqual([]);
    await waitFor(async () => ((await processesOfRun(runId)).length === 0 ? true : undefined), {
      timeoutMs: 15_000,
      what: 'no process of the run',
    });
    await waitFor(
      async () =>
        (await stack.status()).workers.every((candidate) => candidate.state === 'running') ? true : undefined,
      {
        timeoutMs: 30_000,
        what: 'all workers running again',
      },
    );
  },
  150_000,
);

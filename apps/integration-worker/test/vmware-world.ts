import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  runStatusSchema,
  STATUS_QUERY,
  TASK_QUEUES,
  type RunStatus,
  type VmwareDeployResult,
} from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore } from '@switchyard/store';
import { createTestDatabase, fakeHttp, replayAll, temporal, waitFor, type FakeHttp } from '@switchyard/testkit';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { fakeVcenter, type FakeVcenter } from './fake-vcenter.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
export const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };
const PASSWORD = 'pw-77c1d2';
const PASSWORD_REF = { $secret: 'vcenter-password' };

/** A worker process with the services that a deployment calls. */
export interface VmwareWorld extends AsyncDisposable {
  readonly client: Client;
  readonly fake: FakeHttp;
  readonly vcenter: FakeVcenter;
  /** Input of a deployment of one machine, with all of its steps. */
  readonly input: (name: string, more?: object) => object;
  readonly start: (input: unknown) => Promise<WorkflowHandle>;
  readonly restartWorker: () => Promise<void>;
}

/** What Prometheus answers, for a query that gives one value. */
export const value = (text: string): object => ({
  body: { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, text] }] } },
});

export async function openVmwareWorld(): Promise<VmwareWorld> {
  const { address, namespace } = temporal();
  const database = await createTestDatabase();
  const handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
  const store = openStore({ knex: handle.knex });
  await store.migrate();
  const fake = await fakeHttp();
  const vcenter = fakeVcenter(fake, PASSWORD);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const since = new Date();
  const startWorker = (): ChildProcess =>
    spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        ...database.env,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        SWITCHYARD_LOG_LEVEL: 'error',
        SECRET_VCENTER_PASSWORD: PASSWORD,
        SECRET_CMDB_TOKEN: 'cmdb-5e81',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  let worker = startWorker();
  const prometheus = { url: fake.url };
  return {
    client,
    fake,
    vcenter,
    input: (name, more = {}) => ({
      vm: {
        vcenter: {
          url: fake.url,
          user: 'svc',
          password: PASSWORD_REF,
          folder: '/dc/vm/web',
          template: '/dc/vm/templates/debian',
          pool: '/dc/host/cluster',
        },
        name,
        waitForAddress: true,
      },
      cmdb: {
        rest: { url: `${fake.url}/cmdb`, headers: { Authorization: { $secret: 'cmdb-token' } } },
        action: 'upsert',
        name,
        attributes: { ip: '${{ steps.provision.result.address }}', run: '${{ run.id }}' },
      },
      monitoring: {
        prometheus,
        queries: { up: { query: 'up{instance="${{ steps.provision.result.address }}"}', equals: 1 } },
        interval: 10,
        within: 300,
      },
      notify: { url: `${fake.url}/hook`, fields: { address: '${{ steps.provision.result.address }}' } },
      ...more,
    }),
    start: (input) =>
      client.workflow.start('VmwareDeployWorkflow', {
        taskQueue: TASK_QUEUES.vmware,
        workflowId: `vmware-${randomUUID().slice(0, 8)}`,
        args: [input],
        workflowExecutionTimeout: '2 minutes',
      }),
    async restartWorker() {
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      worker = startWorker();
    },
    async [Symbol.asyncDispose]() {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await replayAll({ client, workflowBundle: BUNDLE, taskQueue: TASK_QUEUES.vmware, since });
      await connection.close();
      await store.close();
      await handle.close();
      await database.drop();
      await fake.close();
    },
  };
}

export const resultOf = async (handle: WorkflowHandle): Promise<VmwareDeployResult> =>
  (await handle.result()) as VmwareDeployResult;

/** The coded failure of a run that must fail. */
export async function failureOfRun(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error: unknown = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause;
  throw new Error('the run did not fail with an ApplicationFailure', { cause: error });
}

export const statusOf = async (handle: WorkflowHandle): Promise<RunStatus> =>
  runStatusSchema.parse(await handle.query(STATUS_QUERY));

/** Waits for an open gate, and decides it. */
export async function decideGate(handle: WorkflowHandle, gate: string, decision: 'approve' | 'reject'): Promise<void> {
  const evidence = await waitFor(
    async () => (await statusOf(handle)).gates.find((one) => one.name === gate && one.state === 'open')?.evidence,
    { timeoutMs: 30_000, what: `the gate ${gate} is open` },
  );
  const by = { identity: 'ada', channel: 'test' };
  const seen = decision === 'approve' ? { evidence } : {};
  await handle.executeUpdate(decision, { args: [{ gate, reason: 'seen', by, ...seen }] });
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  MEMO,
  runStatusSchema,
  TASK_QUEUES,
  type ChangeFileCall,
  type CmdbInput,
  type DnsInput,
  type HealthCheckInput,
  type DecisionRecord,
  type HttpRequestInput,
  type IntegrationCall,
  type NewEventInput,
  type PageInput,
  type RunbookResult,
  type RunStatus,
  type TicketInput,
  type ToldEvents,
} from '@switchyard/contracts';
import { replayAll, temporal, waitFor, type TemporalForTests } from '@switchyard/testkit';
import { keysOfEvents } from '@switchyard/store';
import { activity } from '@switchyard/worker-kit';
import { activityInfo } from '@temporalio/activity';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import { createActivities } from '../src/activities/index.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

/** Another team's queue. */
export const FOREIGN_QUEUE = 'python-team-queue';

/** A change of a schema, as a step writes it. */
export const CHANGE = {
  apiVersion: 'switchyard.dev/v1',
  kind: 'SchemaChange',
  metadata: { name: 'written-here' },
  spec: { database: 'app', table: 'users', presets: [] },
} as const;

/** A call that a stand-in wrote down. */
export interface Note {
  readonly what: string;
  readonly input: unknown;
  readonly workflowId: string;
}

/** The coordinator's worker under test, with stand-ins on all other queues. */
export interface Harness {
  readonly client: Client;
  readonly events: readonly NewEventInput[];
  readonly decisions: readonly DecisionRecord[];
  /** Most http calls that were under way at once since the last `resetHttp`. */
  readonly http: {
    most: number;
    calls: IntegrationCall<HttpRequestInput>[];
    now: number;
    /** What `/metric` answers; `fail` is a server error. */
    metric: unknown;
  };
  /** Calls for pages, tickets, DNS and the CMDB, in order. */
  readonly services: readonly IntegrationCall<PageInput | TicketInput | DnsInput | CmdbInput>[];
  readonly notesOf: (handle: WorkflowHandle) => readonly string[];
  readonly inputOf: (handle: WorkflowHandle, what: string) => unknown;
  readonly start: (steps: readonly object[], more?: StartOptions) => Promise<WorkflowHandle>;
  readonly run: (steps: readonly object[], more?: StartOptions) => Promise<RunbookResult>;
  readonly statusOf: (handle: WorkflowHandle) => Promise<RunStatus>;
  readonly until: (handle: WorkflowHandle, what: string, holds: (status: RunStatus) => boolean) => Promise<RunStatus>;
  /** Replays every run of this harness, then stops its workers. */
  readonly stop: () => Promise<void>;
}

export interface StartOptions {
  /** Fields of the runbook beside the steps. */
  readonly book?: object;
  readonly inputs?: Record<string, unknown>;
  readonly startedBy?: string;
}

/** The failure that a caller sees: code, message and details of the outermost one. */
export async function failureOf(
  result: Promise<unknown>,
): Promise<{ code: string; message: string; details: unknown }> {
  const error: unknown = await result.then(
    () => new Error('the run did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  const { type, message, details } = error.cause;
  return { code: type ?? '', message, details: details?.[0] };
}

/** The status of a run, as its query gives it. */
const statusOf = async (handle: WorkflowHandle): Promise<RunStatus> =>
  runStatusSchema.parse(await handle.query('status'));

/** Waits until the status of a run is as it should be. */
export const until = (
  handle: WorkflowHandle,
  what: string,
  holds: (status: RunStatus) => boolean,
  timeoutMs = 20_000,
): Promise<RunStatus> =>
  waitFor(
    async () => {
      const status = await statusOf(handle);
      return holds(status) ? status : undefined;
    },
    { timeoutMs, what },
  );

let standIns: Promise<WorkflowBundle> | undefined;
let coordinator: Promise<WorkflowBundle> | undefined;
const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const bundle = (workflows: string, interceptors: readonly string[] = []): Promise<WorkflowBundle> =>
  bundleWorkflowCode({
    workflowsPath: pathOf(workflows),
    workflowInterceptorModules: interceptors.map(pathOf),
    logger: new DefaultLogger('ERROR'),
  });

/** The coordinator's workflows, bundled from their sources. */
export const coordinatorBundle = (): Promise<WorkflowBundle> =>
  (coordinator ??= bundle('../src/workflows/index.ts', ['../src/workflows/event-rule/event-intake.ts']));

/** Options of {@link startHarness}. */
export interface HarnessOptions {
  /** Default: the server of the test run. */
  readonly server?: TemporalForTests;
  /** How the runs are replayed at the end. Default: all that the queue has seen, as the server lists them. */
  readonly replay?: (client: Client, workflowBundle: WorkflowBundle) => Promise<unknown>;
}

export async function startHarness({ server = temporal(), replay }: HarnessOptions = {}): Promise<Harness> {
  const since = new Date();
  const { address, namespace } = server;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const native = await NativeConnection.connect({ address });
  const events: NewEventInput[] = [];
  const known = new Set<string>();
  const decisions: DecisionRecord[] = [];
  const notes: Note[] = [];
  const http: Harness['http'] = { most: 0, calls: [], now: 0, metric: [] };
  const services: IntegrationCall<PageInput | TicketInput | DnsInput | CmdbInput>[] = [];

  const store = {
    /** Each once, as in the store: Temporal runs a workflow task again whose end it did not hear. */
    recordRunEvents: async (told: ToldEvents) => {
      for (const [i, key] of keysOfEvents(told).entries()) {
        const event = told.events[i];
        if (event && !known.has(key)) events.push(event);
        known.add(key);
      }
    },
    recordDecision: async (decision: DecisionRecord) => void decisions.push(decision),
  };
  const note = async (what: string, input: unknown): Promise<number> => {
    const { workflowExecution } = activityInfo();
    const workflowId = workflowExecution?.workflowId ?? '';
    notes.push({ what, input, workflowId });
    const [root] = workflowId.split('/');
    return notes.filter((one) => one.what === what && one.workflowId.split('/')[0] === root).length;
  };
  const integration = {
    /** Works for some milliseconds, or until a crowd has gathered, and fails for a URL that says so. */
    httpRequest: async (call: IntegrationCall<HttpRequestInput>) => {
      http.calls.push(call);
      http.now += 1;
      http.most = Math.max(http.most, http.now);
      await sleep(10);
      // Only a fan-out that really runs side by side gathers the crowd, however slow the machine is.
      if (call.input.url.includes('/crowd-')) await waitFor(() => http.most > 10, { what: 'calls side by side' });
      http.now -= 1;
      const isMetric = call.input.url.endsWith('/metric');
      if (call.input.url.includes('fail') || (isMetric && http.metric === 'fail')) {
        throw ApplicationFailure.create({
          type: 'UpstreamFailed',
          message: `${call.input.url} answered 500`,
          nonRetryable: true,
        });
      }
      return { status: 200, body: isMetric ? http.metric : call.input.url, durationMs: 10 };
    },
    /** Every query gives 95; a URL that says so is never well. */
    checkHealth: async ({ input }: IntegrationCall<HealthCheckInput>) => {
      if (input.urls.some((url) => url.includes('sick'))) {
        throw ApplicationFailure.create({ type: 'GateFailed', message: 'not healthy', nonRetryable: true });
      }
      const values = Object.fromEntries(Object.keys(input.queries).map((name) => [name, 95]));
      return { healthy: [...input.urls, ...Object.keys(values)], values, checks: 1, durationMs: 1 };
    },
    keepDnsRecord: async (call: IntegrationCall<DnsInput>) => {
      services.push(call);
      const { values, ttl } = call.input;
      return { changed: true, before: { values: ['192.0.2.1'], ttl }, after: { values, ttl }, inSync: true };
    },
    notify: async () => {
      throw ApplicationFailure.create({
        type: 'UpstreamFailed',
        message: 'the webhook answered 403',
        nonRetryable: true,
      });
    },
    sendPage: async (call: IntegrationCall<PageInput>) => {
      services.push(call);
      return { status: 'success', dedupKey: call.input.dedupKey ?? call.effect, message: 'Event processed' };
    },
    keepTicket: async (call: IntegrationCall<TicketInput>) => {
      services.push(call);
      return { key: 'OPS-7', id: '10001', url: 'http://jira/browse/OPS-7', changed: true };
    },
    askCmdb: async (call: IntegrationCall<CmdbInput>) => {
      services.push(call);
      return {
        hosts: [],
        groups: { all: { hosts: { web1: { ansible_host: '10.0.0.1' } } } },
        record: null,
        changed: false,
      };
    },
  };
  /** Gives a change that is named like its file. */
  const readChangeFile = async ({ file }: ChangeFileCall): Promise<object> => {
    if (file.includes('missing')) {
      throw ApplicationFailure.create({ type: 'NotFound', message: `no ${file}`, nonRetryable: true });
    }
    return { ...CHANGE, metadata: { name: file.replace('.yaml', '') } };
  };
  const { awaitPollers } = createActivities();
  const [own, foreign] = await Promise.all([coordinatorBundle(), (standIns ??= bundle('fixtures/stand-ins.ts'))]);
  const worker = (taskQueue: string, workflowBundle: WorkflowBundle, activities: object): Promise<Worker> =>
    Worker.create({ connection: native, namespace, taskQueue, workflowBundle, activities });
  const workers = await Promise.all([
    worker(TASK_QUEUES.coordinator, own, { ...store, awaitPollers: activity('awaitPollers', awaitPollers) }),
    ...[TASK_QUEUES.ansible, TASK_QUEUES.terraform, FOREIGN_QUEUE].map((queue) => worker(queue, foreign, { note })),
    worker(TASK_QUEUES.migration, foreign, { note, readChangeFile }),
    Worker.create({ connection: native, namespace, taskQueue: TASK_QUEUES.integration, activities: integration }),
  ]);
  const running = workers.map((one) => one.run());

  const start: Harness['start'] = (steps, { book = {}, inputs, startedBy = 'ann' } = {}) =>
    client.workflow.start('RunbookWorkflow', {
      taskQueue: TASK_QUEUES.coordinator,
      workflowId: `book-${randomUUID().slice(0, 8)}`,
      args: [
        {
          runbook: { apiVersion: 'switchyard.dev/v1', kind: 'Runbook', metadata: { name: 'test' }, steps, ...book },
          ...(inputs ? { inputs } : {}),
        },
      ],
      memo: { [MEMO.startedBy]: startedBy },
      workflowExecutionTimeout: '2 minutes',
    });
  const ofRun = (handle: WorkflowHandle): readonly Note[] =>
    notes.filter((one) => one.workflowId.split('/')[0] === handle.workflowId);

  return {
    client,
    events,
    decisions,
    http,
    services,
    notesOf: (handle) => ofRun(handle).map((one) => one.what),
    inputOf: (handle, what) => ofRun(handle).findLast((one) => one.what === what)?.input,
    start,
    run: async (steps, more) => (await (await start(steps, more)).result()) as RunbookResult,
    statusOf,
    until,
    stop: async () => {
      await (replay
        ? replay(client, own)
        : replayAll({ client, workflowBundle: own, taskQueue: TASK_QUEUES.coordinator, since }));
      for (const one of workers) one.shutdown();
      await Promise.all(running);
      await native.close();
      await connection.close();
    },
  };
}

import {
  parseOrThrow,
  TASK_QUEUES,
  vmQueueOf,
  type ChangeFileActivities,
  type IntegrationActivities,
  type RunbookStep,
  type TaskQueue,
  type WorkflowType,
} from '@switchyard/contracts';
import { KIND_SCHEMAS } from '@switchyard/runbook';
import { activities, executeRun, type Run, type WorkflowInputs } from '@switchyard/workflow-kit';
import { sleep } from '@temporalio/workflow';
import { callWorkflow } from './call-workflow.js';
import { childIdOf, type Unit } from './unit.js';

type Kind = Exclude<RunbookStep['uses'], 'approval'>;

/** Does the work of one unit and gives its result; throws what a failed one throws. */
export async function performUnit(run: Run, unit: Unit): Promise<unknown> {
  if (unit.uses === 'approval') throw new Error(`an approval is no unit of work: step ${unit.step}`);
  return KINDS[unit.uses](run, unit);
}

const KINDS: Readonly<Record<Kind, (run: Run, unit: Unit) => Promise<unknown>>> = {
  ansible: (run, unit) => child(run, unit, 'AnsibleWorkflow', ansibleInput(unit)),
  terraform: (run, unit) => child(run, unit, 'TerraformWorkflow', unit.with),
  'database-migration': (run, unit) => child(run, unit, 'DatabaseMigrationWorkflow', unit.with),
  'schema-change': async (run, unit) => child(run, unit, 'SchemaChangeWorkflow', await changeOf(run, unit)),
  kubernetes: (run, unit) => child(run, unit, 'KubernetesApplyWorkflow', unit.with),
  runbook: (run, unit) => {
    const { runbook, inputs } = parseOrThrow(KIND_SCHEMAS.runbook, unit.with, whereOf(unit));
    return child(run, unit, 'RunbookWorkflow', { runbook, inputs });
  },
  workflow: (run, unit) => callWorkflow(run, unit, parseOrThrow(KIND_SCHEMAS.workflow, unit.with, whereOf(unit))),
  wait: async (_run, unit) => {
    const { for: time } = parseOrThrow(KIND_SCHEMAS.wait, unit.with, whereOf(unit));
    if (time) await sleep(time);
    return { waitedMs: time ?? 0 };
  },
  http: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.http, unit.with, whereOf(unit));
    return integration(unit, input.timeout + GRACE_MS).httpRequest({ ...callOf(run, unit), input });
  },
  health: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.health, unit.with, whereOf(unit));
    return integration(unit, input.within + GRACE_MS, { lasts: true }).checkHealth({ ...callOf(run, unit), input });
  },
  notify: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.notify, unit.with, whereOf(unit));
    return integration(unit, requests(NOTIFY_MS)).notify({ ...callOf(run, unit), input });
  },
  page: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.page, unit.with, whereOf(unit));
    return integration(unit, input.timeout + GRACE_MS).sendPage({ ...callOf(run, unit), input });
  },
  ticket: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.ticket, unit.with, whereOf(unit));
    return integration(unit, requests(input.timeout) + SEARCH_MS).keepTicket({ ...callOf(run, unit), input });
  },
  dns: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.dns, unit.with, whereOf(unit));
    const sync = input.route53?.waitForSync ?? 0;
    return integration(unit, requests(input.timeout) + sync, { lasts: true }).keepDnsRecord({
      ...callOf(run, unit),
      input,
    });
  },
  cmdb: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.cmdb, unit.with, whereOf(unit));
    return integration(unit, requests(input.timeout)).askCmdb({ ...callOf(run, unit), input });
  },
  vm: (run, unit) => {
    const input = parseOrThrow(KIND_SCHEMAS.vm, unit.with, whereOf(unit));
    return integration(unit, requests(input.timeout) + input.within, {
      lasts: true,
      taskQueue: vmQueueOf(input),
    }).manageVm({ ...callOf(run, unit), input });
  },
};

const whereOf = (unit: Unit): string => `step "${unit.step}"`;

async function child(run: Run, unit: Unit, type: WorkflowType, input: unknown): Promise<unknown> {
  return executeRun(type, input as WorkflowInputs[WorkflowType], {
    workflowId: childIdOf(unit),
    under: { run, step: unit.step },
    summary: unit.step,
  });
}

const READ_FILE_MS = 30_000;
const READ_FILE_ATTEMPTS = 3;

/** The change of a step. Only workers read files: one that the step names is read by the worker that will carry it out. */
async function changeOf(run: Run, unit: Unit): Promise<unknown> {
  const { change, file } = parseOrThrow(KIND_SCHEMAS['schema-change'], unit.with, whereOf(unit));
  // As it was written: the workflow fills in the defaults itself.
  if (change !== undefined || file === undefined) return (unit.with as { readonly change: unknown }).change;
  const { readChangeFile } = activities<ChangeFileActivities>({
    taskQueue: TASK_QUEUES.migration,
    startToClose: READ_FILE_MS,
    heartbeat: false,
    attempts: READ_FILE_ATTEMPTS,
  });
  return readChangeFile({ ref: run.ref, step: unit.step, file });
}

/** AnsibleWorkflow retries hosts by itself: it knows which ones failed, so the retry of the step goes to it. */
function ansibleInput(unit: Unit): unknown {
  const { with: given, retry } = unit;
  if (!retry || typeof given !== 'object' || given === null || 'retry' in given) return given;
  return { ...given, retry: { attempts: retry.attempts, delay: retry.delay, only: retry.only ?? 'failed-hosts' } };
}

/** Time that a worker has over the time of the call itself, in milliseconds. */
const GRACE_MS = 10_000;
const NOTIFY_MS = 10_000;
/** Time for a call that asks before it changes: a few requests. */
const requests = (timeout: number): number => 5 * timeout + GRACE_MS;
/** A search that lags behind is asked again for so long before a second ticket would be opened, in milliseconds. */
const SEARCH_MS = 30_000;
/** Attempts of a call that may pass, unless the step says otherwise. */
const CALL_ATTEMPTS = 3;

/**
 * The activities of integration-queue. The retry of the step goes to them: the server then keeps the pause that a
 * service asks for with Retry-After.
 */
function integration(
  unit: Unit,
  startToClose: number,
  { lasts = false, taskQueue = TASK_QUEUES.integration }: { lasts?: boolean; taskQueue?: TaskQueue } = {},
): IntegrationActivities {
  return activities<IntegrationActivities>({
    taskQueue,
    startToClose,
    // Only what waits for others lasts long enough to be cut off, and sends heartbeats. A short call has none: a further
    // attempt then starts only when the requests of the one before are over, so that it sees what came of them.
    heartbeat: lasts ? 15_000 : false,
    attempts: unit.retry?.attempts ?? CALL_ATTEMPTS,
    retryDelay: unit.retry?.delay ?? 1_000,
  });
}

/** The idempotency key is `effect`: it stays the same over attempts and differs between items. */
const callOf = (run: Run, unit: Unit): { run: Run['ref']; step: string; effect: string } => ({
  run: run.ref,
  step: unit.step,
  effect: `${unit.executionId}/${unit.path}`,
});

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  STATUS_QUERY,
  TASK_QUEUES,
  type GateStatus,
  type RunStatus,
  type SchemaChangeGiven,
  type SchemaChangeResult,
} from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { World } from './world.js';

type Spec = SchemaChangeGiven['spec'];

/** The split of a name, with gates that do not keep a test waiting. */
export const nameSplit = (spec: Partial<Spec> = {}): SchemaChangeGiven => ({
  apiVersion: 'switchyard.dev/v1',
  kind: 'SchemaChange',
  metadata: { name: 'users-name-split' },
  spec: {
    database: 'app',
    table: 'users',
    presets: [{ kind: 'split-column', column: 'name', into: ['first_name', 'last_name'] }],
    notNull: ['first_name'],
    switch: { readFlag: 'users-read', writeFlag: 'users-write', settle: '200ms' },
    gates: { maxLagSeconds: 5, minStableSeconds: 1, coolDown: '1s' },
    ...spec,
  },
});

const BY = { identity: 'pia', channel: 'test' } as const;

/** Starts a change. */
export function startChange({ client }: World, change: SchemaChangeGiven): Promise<WorkflowHandle> {
  return client.workflow.start('SchemaChangeWorkflow', {
    taskQueue: TASK_QUEUES.migration,
    workflowId: `change-${randomUUID()}`,
    args: [change],
  });
}

export const statusOf = (run: WorkflowHandle): Promise<RunStatus> => run.query<RunStatus>(STATUS_QUERY);

/** Waits until the status of a run is as it should be; fails as soon as the run has ended without it. */
export async function waitForStatus(
  run: WorkflowHandle,
  what: string,
  isSo: (status: RunStatus) => boolean,
  timeoutMs = 60_000,
): Promise<RunStatus> {
  let last: RunStatus | undefined;
  const seen = await waitFor(
    async () => {
      last = await seenStatus(run);
      if (last) return isSo(last) || last.state === 'done' ? last : undefined;
      return (await executionOf(run)) === 'RUNNING' ? undefined : 'ended';
    },
    { what, timeoutMs },
  ).catch((error: unknown) => {
    throw new Error(`${what}: ${last ? inShort(last) : 'no status'}`, { cause: error });
  });
  if (seen !== 'ended' && isSo(seen)) return seen;
  const outcome = await run.result().catch((error: unknown) => failureText(error));
  throw new Error(`${what}: the run has ended with ${JSON.stringify(outcome)}`);
}

/** The status, unless the worker that would answer is not there now. */
const seenStatus = (run: WorkflowHandle): Promise<RunStatus | undefined> => statusOf(run).catch(() => undefined);

const executionOf = async (run: WorkflowHandle): Promise<string> => (await run.describe()).status.name;

/** What a person would look at. */
function inShort({ state, phase, steps, gates, waitingFor, warnings }: RunStatus): string {
  const begun = steps.filter((step) => step.state !== 'pending');
  const open = gates
    .filter((gate) => gate.state === 'closed' || gate.state === 'open')
    .map(({ name, state: of, conditions }) => ({
      name,
      state: of,
      wrong: conditions.filter((one) => one.state !== 'pass'),
    }));
  return JSON.stringify({ state, phase, steps: begun.slice(-3), gates: open, waitingFor, warnings }, null, 1);
}

export const gateOf = (status: RunStatus, name: string): GateStatus | undefined =>
  status.gates.find((gate) => gate.name === name);

/** Waits until a gate opens, and approves what it shows. A run that has ended well meanwhile has passed it. */
export async function approve(run: WorkflowHandle, name: 'cutover' | 'contract', withinMs?: number): Promise<void> {
  try {
    while (!(await isPassedByApproval(run, name, withinMs)));
  } catch (error) {
    // Whoever stops the workers when the run has ended leaves nobody to tell that the gate was passed.
    if ((await executionOf(run)) !== 'COMPLETED') throw error;
  }
}

/** @returns false when a condition stopped to hold for a moment, which makes a decision void or refuses it: look again */
async function isPassedByApproval(run: WorkflowHandle, name: string, withinMs?: number): Promise<boolean> {
  const isOpen = (seen: RunStatus): boolean => gateOf(seen, name)?.state === 'open';
  const isOver = (seen: RunStatus): boolean => seen.steps.some(({ id, state }) => id === name && state === 'done');
  const seen = await waitForStatus(run, `gate ${name} to open`, (status) => isOpen(status) || isOver(status), withinMs);
  if (isOver(seen)) return true;
  const refusal = await approveWith(run, name, gateOf(seen, name)?.evidence ?? '').catch((error: unknown) => error);
  if (refusal !== undefined) return false;
  const left = await waitForStatus(
    run,
    `gate ${name} to be passed`,
    (status) => isOver(status) || !isApproved(status, name),
  );
  return isOver(left);
}

const isApproved = (status: RunStatus, name: string): boolean => gateOf(status, name)?.state === 'approved';

/** Approves a gate for some evidence; rejects with the reason when it is refused. */
export async function approveWith(run: WorkflowHandle, gate: string, evidence: string): Promise<void> {
  await run.executeUpdate('approve', { args: [{ gate, evidence, reason: 'a test', by: BY }] }).catch(refused);
}

/** Changes how hard the backfill presses. */
export async function tune(run: WorkflowHandle, tuning: Record<string, unknown>): Promise<void> {
  await run.executeUpdate('tune', { args: [{ ...tuning, by: BY }] }).catch(refused);
}

export const pause = (run: WorkflowHandle, reason: string): Promise<unknown> =>
  run.executeUpdate('pause', { args: [{ reason, by: BY }] });

export const resume = (run: WorkflowHandle): Promise<unknown> => run.executeUpdate('resume', { args: [{ by: BY }] });

/** The reason of a refusal is in the cause of what the client throws. */
function refused(error: unknown): never {
  const { cause } = error as Error;
  throw cause instanceof Error ? cause : error;
}

/** Asks for an abort. */
export const abort = (run: WorkflowHandle, reason: string): Promise<unknown> =>
  run.executeUpdate('abort', { args: [{ reason, by: BY }] }).catch(refused);

/** Whether a run is in a step now. */
export const isInStep = (status: RunStatus, step: string): boolean =>
  status.steps.some(({ id, state }) => id === step && (state === 'running' || state === 'waiting'));

/** What a run gives, or what ended it; a run that waits for a person to decide will never end by itself, and says why. */
export async function resultOf(run: WorkflowHandle): Promise<SchemaChangeResult> {
  const over = new AbortController();
  try {
    return (await Promise.race([run.result(), held(run, over.signal)])) as SchemaChangeResult;
  } finally {
    over.abort();
  }
}

async function held(run: WorkflowHandle, signal: AbortSignal): Promise<never> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(1_000, undefined, { signal });
    // oxlint-disable-next-line no-await-in-loop
    const status = await seenStatus(run);
    if (status?.waitingFor?.kind === 'person') throw new Error(`the run is held: ${inShort(status)}`);
  }
}

/** What the caller of a failed run sees. */
export interface SeenFailure {
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
}

export async function failureOf(promise: Promise<unknown>): Promise<SeenFailure> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    const seen = seenOf(error);
    if (seen) return seen;
    throw error;
  }
  throw new Error(`it was expected to fail, and gave ${JSON.stringify(result)}`);
}

function seenOf(error: unknown): SeenFailure | undefined {
  const cause = error instanceof WorkflowFailedError ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const { type, message, details } = cause;
  return { code: type ?? '', message, details: (details?.[0] ?? {}) as Record<string, unknown> };
}

const failureText = (error: unknown): unknown => seenOf(error) ?? String(error);

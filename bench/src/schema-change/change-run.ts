import { randomUUID } from 'node:crypto';
import {
  STATUS_QUERY,
  TASK_QUEUES,
  type RunStatus,
  type SchemaChangeGiven,
  type SchemaChangeResult,
} from '@switchyard/contracts';
import { readFlag } from '@switchyard/store';
import type { WorkflowHandle } from '@temporalio/client';
import { poll } from '../poll.ts';
import type { BenchStack } from '../stack.ts';
import type { Span } from './latency.ts';
import { codeOf, planOf, TABLE } from './table.ts';

export const NEW_COLUMN = 'plan_code';

/** A run of the change, and the flag that tells its writers how to write. */
export interface ChangeRun {
  readonly handle: WorkflowHandle;
  readonly writeFlag: string;
}

/** Starts the change of the table: `plan` becomes `plan_code`, with a way back, and goes. */
export async function startChange(stack: BenchStack): Promise<ChangeRun> {
  const id = randomUUID();
  const writeFlag = `bench-write-${id}`;
  const change: SchemaChangeGiven = {
    apiVersion: 'switchyard.dev/v1',
    kind: 'SchemaChange',
    metadata: { name: 'bench-plan-code' },
    spec: {
      database: 'app',
      table: TABLE,
      columns: { [NEW_COLUMN]: { type: 'smallint', from: codeOf('plan') } },
      reverse: { plan: planOf(NEW_COLUMN) },
      notNull: [NEW_COLUMN],
      drop: ['plan'],
      switch: { readFlag: `bench-read-${id}`, writeFlag, settle: '1s' },
      gates: { maxLagSeconds: 5, minStableSeconds: 1, coolDown: '0s' },
    },
  };
  const handle = await stack.client.workflow.start('SchemaChangeWorkflow', {
    taskQueue: TASK_QUEUES.migration,
    workflowId: `bench-change-${id}`,
    args: [change],
  });
  return { handle, writeFlag };
}

const OPEN_WITHIN_MS = 60 * 60_000;

/** Waits until a gate opens. Fails as soon as the run has ended, with what it ended with. */
export async function gateOpens({ handle }: ChangeRun, name: 'cutover' | 'contract'): Promise<string> {
  const seen = await poll(
    async () => {
      const status = await handle.query<RunStatus>(STATUS_QUERY);
      if (status.waitingFor?.kind === 'person')
        throw new Error(`the change is held: ${JSON.stringify(status.steps, null, 1)}`);
      const gate = status.gates.find((each) => each.name === name);
      if (gate?.state === 'open') return { evidence: gate.evidence };
      return status.state === 'done' ? { evidence: null } : undefined;
    },
    { what: `gate ${name}`, everyMs: 250, timeoutMs: OPEN_WITHIN_MS },
  );
  if (seen.evidence !== null) return seen.evidence;
  throw new Error(`the change ended before gate ${name}`, {
    cause: await handle.result().catch((error: unknown) => error),
  });
}

/** Approves what a gate shows. */
export async function approve({ handle }: ChangeRun, gate: 'cutover' | 'contract', evidence: string): Promise<void> {
  await handle.executeUpdate('approve', {
    args: [{ gate, evidence, reason: 'a benchmark', by: { identity: 'bench', channel: 'bench' } }],
  });
}

export const resultOf = ({ handle }: ChangeRun): Promise<SchemaChangeResult> =>
  handle.result() as Promise<SchemaChangeResult>;

/** When each step began and ended. */
export const stepSpans = (result: SchemaChangeResult): readonly { readonly id: string; readonly span: Span }[] =>
  result.phases.flatMap(({ steps }) =>
    steps.map(({ id, startedAt, endedAt }) => ({ id, span: { from: Date.parse(startedAt), to: Date.parse(endedAt) } })),
  );

export function stepOf(result: SchemaChangeResult, id: string): Span {
  const step = stepSpans(result).find((each) => each.id === id);
  if (!step) throw new Error(`the result has no step ${id}`);
  return step.span;
}

export type WriteMode = 'old' | 'both' | 'new';

/** What the write flag says now. */
export async function writeModeOf(stack: BenchStack, { writeFlag }: ChangeRun): Promise<WriteMode> {
  const flag = await readFlag(stack.database.knex, writeFlag);
  const value = flag?.definition.variants[flag.definition.defaultVariant];
  return value === 'both' || value === 'new' ? value : 'old';
}

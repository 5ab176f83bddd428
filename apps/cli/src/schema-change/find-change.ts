import {
  MEMO,
  parse,
  SCHEMA_CHANGE_QUERIES,
  schemaChangeResultSchema,
  type RunStatus,
  type SchemaChangeResult,
} from '@switchyard/contracts';
import { describeRun } from '../runs/describe-run.js';
import { statusOf } from '../runs/find-gates.js';
import { outcomeOf, type RunOutcome } from '../runs/outcome.js';
import type { Session } from '../session.js';
import { usageError } from '../usage-error.js';
import { abortPreviewSchema, type AbortPreview } from './answers.js';
import type { ChangeView } from './render-change.js';

/** The status of a run that has to be a schema change. @throws NotFound, InvalidInput */
export async function changeStatus(session: Session, runId: string): Promise<RunStatus> {
  await describeRun(session, runId);
  const status = await statusOf(session.client, runId);
  if (status.kind !== 'schema-change') {
    throw usageError(
      `run "${runId}" is of kind ${status.kind}, no schema change; \`switchyard runs show ${runId}\` shows it`,
    );
  }
  return status;
}

/** A change with what its stream says, for people. */
export async function changeView(session: Session, runId: string): Promise<ChangeView> {
  const described = await describeRun(session, runId);
  const status = await changeStatus(session, runId);
  const startedBy = described.memo?.[MEMO.startedBy];
  return {
    runId,
    status,
    stream: await streamWords(session, status),
    startedBy: typeof startedBy === 'string' ? startedBy : null,
  };
}

/** What the newest stream of a change shows; null: there is none, or it does not answer. */
async function streamWords({ client }: Session, status: RunStatus): Promise<string | null> {
  const streams = status.steps.flatMap(({ children = [] }) =>
    children.filter(({ type }) => type === 'ChangeStreamWorkflow'),
  );
  const newest = streams.at(-1);
  if (!newest || status.state === 'done') return null;
  const stream = await statusOf(client, newest.workflowId).catch(() => null);
  const step = stream?.steps.findLast(({ state }) => state !== 'pending');
  if (!step) return null;
  return step.detail === undefined || step.detail === '' ? step.title : step.detail;
}

/** What an abort would do now. */
export async function abortPreviewOf({ client }: Session, runId: string): Promise<AbortPreview> {
  return abortPreviewSchema.parse(await client.workflow.getHandle(runId).query(SCHEMA_CHANGE_QUERIES.abortPreview));
}

/** A report, and how the run ended; null: it is under way. */
export interface FoundReport {
  readonly report: SchemaChangeResult;
  readonly outcome: RunOutcome | null;
}

/** The report of a change, also while it runs and after it failed. */
export async function reportOfChange(session: Session, runId: string): Promise<FoundReport> {
  const described = await describeRun(session, runId);
  await changeStatus(session, runId);
  const handle = session.client.workflow.getHandle(runId);
  const outcome = described.status.name === 'RUNNING' ? null : await outcomeOf(handle);
  const ended = outcome?.ok ? parse(schemaChangeResultSchema, outcome.result) : null;
  if (ended?.ok) return { report: ended.value, outcome };
  return { report: schemaChangeResultSchema.parse(await handle.query(SCHEMA_CHANGE_QUERIES.report)), outcome };
}

import {
  CodedError,
  parseOrThrow,
  schemaChangePlanResultSchema,
  schemaChangeResultSchema,
  schemaChangeSchema,
  TASK_QUEUES,
  usersNameSplitSchema,
  type SchemaChangeGiven,
} from '@switchyard/contracts';
import { normaliseChange, usersNameSplit, type UsersNameSplitOverrides } from '@switchyard/schema-change';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { jsonOption } from '../input/key-values.js';
import { loadChange } from '../input/load-change.js';
import { outcomeOf } from '../runs/outcome.js';
import { reportOutcome, startAndReport, startRun } from '../runs/start-run.js';
import type { Session } from '../session.js';
import { usageError } from '../usage-error.js';
import { planSchema } from './answers.js';
import { renderFindings, renderPlan } from './render-plan.js';
import { renderReport } from './render-report.js';

/** The presets that ship with Switchyard, by the name that `--preset` takes. */
export const PRESETS = ['users-name-split'] as const;

/** Where a change comes from: a file, or a preset with what differs from it. */
export interface ChangeOptions {
  readonly file?: string;
  readonly preset?: (typeof PRESETS)[number];
  readonly input?: string;
}

/** A change that was checked as far as that goes without a database. */
interface CheckedChange {
  readonly name: string;
  /** The change as it was written; a plan is made of it. */
  readonly written: SchemaChangeGiven;
  /** What starts it. */
  readonly start: { readonly type: string; readonly input: unknown };
}

/** Reads and checks what the options name, before anything is started. @throws InvalidInput, NotFound */
export async function changeOf(options: ChangeOptions, cwd: string): Promise<CheckedChange> {
  if ((options.file === undefined) === (options.preset === undefined)) {
    throw usageError(`name either --file <change.yaml> or --preset <${PRESETS.join('|')}>`);
  }
  if (options.file !== undefined) {
    if (options.input !== undefined) throw usageError('--input is for a preset; a file holds the whole change');
    const written = await loadChange(options.file, cwd);
    return { name: written.metadata.name, written, start: { type: 'SchemaChangeWorkflow', input: written } };
  }
  const overrides = options.input === undefined ? {} : jsonOption(options.input, '--input');
  parseOrThrow(usersNameSplitSchema, overrides, '--input');
  const written = usersNameSplit(overrides as UsersNameSplitOverrides);
  const normalised = normaliseChange(parseOrThrow(schemaChangeSchema, written, '--input'));
  if (!normalised.ok) {
    const words = normalised.problems.map(({ path, message }) => `${path}: ${message}`);
    throw new CodedError('InvalidInput', `--input: ${words.join('; ')}`, { details: normalised.problems });
  }
  return {
    name: written.metadata.name,
    written,
    start: { type: 'migrateUsersNameSplitWorkflow', input: overrides },
  };
}

/** Plans a change and shows what it would do. Makes nothing. */
export async function planChange(
  session: Session,
  { terminal, identity }: Context,
  change: CheckedChange,
  options: { readonly sql: boolean },
): Promise<number> {
  const { runId } = await startRun(session, {
    type: 'SchemaChangePlanWorkflow',
    taskQueue: TASK_QUEUES.migration,
    input: change.written,
    runId: undefined,
    kind: `plan-${change.name}`,
    startedBy: identity,
  });
  const outcome = await outcomeOf(session.client.workflow.getHandle(runId));
  if (!outcome.ok) return reportOutcome(terminal, outcome);
  const result = schemaChangePlanResultSchema.parse(outcome.result);
  const obstacles = result.findings.filter(({ level }) => level === 'obstacle');
  if (result.plan !== null) {
    const plan = planSchema.parse(result.plan);
    for (const line of renderPlan(plan, { digest: result.planDigest, sql: options.sql }, terminal)) terminal.say(line);
  }
  if (result.findings.length > 0) terminal.say('');
  for (const line of renderFindings(result.findings, terminal)) terminal.say(line);
  terminal.say('');
  terminal.say(
    result.passed
      ? terminal.color.green('Nothing stands in its way. Nothing was changed.')
      : terminal.color.red(
          `${obstacles.length} ${obstacles.length === 1 ? 'obstacle' : 'obstacles'}: it would be refused. Nothing was changed.`,
        ),
  );
  terminal.json(result);
  return result.passed ? EXIT.ok.code : EXIT.gate.code;
}

/** Starts a change; with `wait` it is followed to its end, and its report shown. */
export function startChange(
  session: Session,
  { terminal, identity }: Context,
  change: CheckedChange,
  options: { readonly id: string | undefined; readonly wait: boolean },
): Promise<number> {
  return startAndReport(
    session,
    terminal,
    {
      ...change.start,
      taskQueue: TASK_QUEUES.migration,
      runId: options.id,
      kind: change.name,
      startedBy: identity,
      follow: 'schema-change status',
      render: (result) => {
        const report = schemaChangeResultSchema.parse(result);
        return ['', ...renderReport(report, { ok: true, words: 'completed; nothing was left behind' }, terminal), ''];
      },
    },
    { wait: options.wait },
  );
}

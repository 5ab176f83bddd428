import { MEMO, type FailureCode } from '@switchyard/contracts';
import { randomUUID } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import { usageError } from '../usage-error.js';
import type { RunOutcome } from './outcome.js';
import { watchRun } from './watch-run.js';

/** A run to start. */
export interface RunRequest {
  readonly type: string;
  readonly taskQueue: string;
  readonly input: unknown;
  /** Default: the kind and a random part. A given id makes a repeated command join the run instead of starting another. */
  readonly runId: string | undefined;
  readonly kind: string;
  readonly startedBy: string;
  /** Command that looks at such a run; default `runs watch`. */
  readonly follow?: string;
  /** What people are shown of the result of a run that was followed to its good end. */
  readonly render?: (result: unknown) => readonly string[];
}

/** Starts a run; with an id that runs already it is joined. */
export async function startRun(session: Session, request: RunRequest): Promise<{ runId: string; joined: boolean }> {
  const runId = request.runId ?? `${request.kind}-${randomUUID().slice(0, 8)}`;
  try {
    await session.client.workflow.start(request.type, {
      taskQueue: request.taskQueue,
      workflowId: runId,
      args: [request.input],
      memo: { [MEMO.startedBy]: request.startedBy },
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
    return { runId, joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const described = await session.client.workflow.getHandle(runId).describe();
    if (described.status.name !== 'RUNNING') {
      throw usageError(
        `run "${runId}" exists and is ${described.status.name.toLowerCase()}; choose another --id, or leave it out`,
      );
    }
    return { runId, joined: true };
  }
}

/** What people are told of {@link Following.cancelOnInterrupt}. */
export const CANCEL_ON_INTERRUPT =
  'as --wait, and a Ctrl-C or a SIGTERM ends the run, too: for a CI job whose cancelling shall end it';

/** What becomes of a run that was started here. */
export interface Following {
  /** It is followed to its end. */
  readonly wait?: boolean | undefined;
  /** It is followed, and cancelled when this process is told to end: for jobs whose end shall be that of the run. */
  readonly cancelOnInterrupt?: boolean | undefined;
}

/** Starts a run and, when asked, follows it to its end. Returns the exit code. */
export async function startAndReport(
  session: Session,
  terminal: Terminal,
  request: RunRequest,
  { wait = false, cancelOnInterrupt = false }: Following,
): Promise<number> {
  const { runId, joined } = await startRun(session, request);
  const link = session.uiLink(runId);
  terminal.say(
    `${joined ? 'joined' : 'started'} ${terminal.color.bold(runId)}${link ? `  ${terminal.color.dim(link)}` : ''}`,
  );
  if (!wait && !cancelOnInterrupt) {
    terminal.say(terminal.color.dim(`follow it: switchyard ${request.follow ?? 'runs watch'} ${runId}`));
    terminal.json({ runId, joined, link });
    return EXIT.ok.code;
  }
  const interrupt = new AbortController();
  let asked = false;
  const onInterrupt = (): void => {
    if (!cancelOnInterrupt || asked) return interrupt.abort();
    asked = true;
    terminal.note(`asking ${runId} to end, and waiting until nothing of it runs; once more to leave it to itself`);
    session.client.workflow
      .getHandle(runId)
      .cancel()
      .catch((error: unknown) => {
        asked = false;
        terminal.note(`${runId} could not be asked to end: ${error instanceof Error ? error.message : String(error)}`);
      });
  };
  const signals = cancelOnInterrupt ? SIGNALS_OF_CI : (['SIGINT'] as const);
  for (const signal of signals) process.on(signal, onInterrupt);
  try {
    const outcome = await watchRun({ client: session.client, workflowId: runId, terminal, signal: interrupt.signal });
    if (outcome?.ok) for (const line of request.render?.(outcome.result) ?? []) terminal.say(line);
    if (outcome) return reportOutcome(terminal, outcome);
    const left = asked ? 'it was asked to end, and may still be at it' : 'the run goes on';
    terminal.note(`stopped watching; ${left}. End it with: switchyard abort ${runId} --reason ...`);
    return EXIT.interrupted.code;
  } finally {
    for (const signal of signals) process.off(signal, onInterrupt);
  }
}

/** A runner whose job is cancelled sends one of these, and SIGKILL some time later. */
const SIGNALS_OF_CI = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Tells how a run ended. Returns the exit code. */
export function reportOutcome(terminal: Terminal, outcome: RunOutcome): number {
  if (outcome.ok) {
    terminal.say(terminal.color.green(`${outcome.runId} succeeded`));
    terminal.json({ runId: outcome.runId, ok: true, result: outcome.result });
    return EXIT.ok.code;
  }
  terminal.say(terminal.color.red(`${outcome.runId} failed: ${outcome.code}: ${outcome.message}`));
  terminal.json({
    runId: outcome.runId,
    ok: false,
    error: { code: outcome.code, message: outcome.message, details: outcome.details },
  });
  return exitCodeOf(outcome.code satisfies FailureCode);
}

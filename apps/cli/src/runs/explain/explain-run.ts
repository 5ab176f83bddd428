import { formatDuration, isFailureCode, wayOutOf } from '@switchyard/contracts';
import { compensationOf } from './compensation.js';
import type { Cause, Explanation, Undone, Wait } from './explanation.js';
import type { RunFacts, WorkflowFacts } from './facts.js';
import { findCause } from './find-cause.js';
import { findWaits, sinceWords } from './find-waits.js';

/** Explains a run from what is known of it: why it failed, what it waits for, or that it ended well. */
export function explainRun({ run, locks, missing }: RunFacts, now: Date): Explanation {
  const { workflowId: runId, type, state, failure } = run;
  const isRunning = state === 'running';
  const cause = failure ? findCause(run, failure) : null;
  const compensation = compensationOf(run);
  const waits = isRunning ? findWaits(run, locks, now) : [];
  return {
    runId,
    type,
    state,
    summary: cause
      ? failedWords(run, cause, compensation)
      : isRunning
        ? runningWords(run, waits, now)
        : endedWords(run),
    cause,
    compensation,
    waits,
    warnings: run.events.flatMap(({ level, source, message }) =>
      level === 'warning' && source === 'run' ? [message] : [],
    ),
    next: cause ? afterFailure(runId, cause, compensation) : [...new Set(waits.flatMap(({ todo }) => todo))],
    missing,
  };
}

const tookWords = ({ startedAt, closedAt }: WorkflowFacts): string =>
  closedAt === null ? '' : ` after ${formatDuration(Math.max(0, Date.parse(closedAt) - Date.parse(startedAt)))}`;

function endedWords(run: WorkflowFacts): string {
  if (run.state === 'continued') return `${run.workflowId} went on as a new execution`;
  return `${run.workflowId} ended well${tookWords(run)}`;
}

function failedWords(run: WorkflowFacts, cause: Cause, compensation: readonly Undone[]): string {
  const root = cause.chain.at(-1);
  const steps = cause.chain.flatMap(({ step }) => (step === null ? [] : [`"${step}"`]));
  const where = steps.length > 0 ? ` in step ${steps.join(' > ')}` : '';
  const broken = compensation.filter(({ outcome }) => outcome === 'failed').length;
  const undone = compensation.length - broken;
  const left = broken > 0 ? `; ${broken} could not be undone` : undone > 0 ? `; ${undone} undone` : '';
  const how = { cancelled: 'was cancelled', terminated: 'was terminated', 'timed-out': 'ran out of time' } as const;
  const verb = run.state === 'failed' ? 'failed' : (how[run.state as keyof typeof how] ?? 'failed');
  return `${run.workflowId} ${verb}${tookWords(run)}${where}: ${root?.code ?? 'Internal'}${left}`;
}

function runningWords(run: WorkflowFacts, waits: readonly Wait[], now: Date): string {
  const [first, ...others] = waits;
  const and = others.length > 0 ? `, and for ${others.length} more` : '';
  if (!first) return `${run.workflowId} is under way`;
  if (first.kind === 'work') return `${run.workflowId} is at work on ${first.name}${sinceWords(first.since, now)}`;
  const what = { retry: 'the next attempt of', worker: 'a worker for' } as const;
  const words = what[first.kind as keyof typeof what] ?? first.kind;
  return `${run.workflowId} waits for ${words} ${first.name}${sinceWords(first.since, now)}${and}`;
}

/** Failures of hosts are taken up by a run of their own, on the hosts that failed. */
const OF_HOSTS: readonly string[] = ['AnsibleHostsFailed', 'AnsibleHostsUnreachable'];

function afterFailure(runId: string, { chain, evidence }: Cause, compensation: readonly Undone[]): string[] {
  const root = chain.at(-1);
  if (!root) return [];
  const broken = compensation.filter(({ outcome }) => outcome === 'failed');
  const logs = root.workflowId === runId ? runId : root.workflowId;
  return [
    ...broken.map(({ what, message }) => `undo ${what} by hand: ${message}`),
    ...(isFailureCode(root.code) ? [wayOutOf(root.code)] : []),
    ...(OF_HOSTS.includes(root.code) ? [`switchyard runs retry ${root.workflowId} --hosts failed`] : []),
    `switchyard runs logs ${logs}${evidence.length > 0 ? ' --level warning' : ''}`,
  ];
}

import { formatDuration, type GateStatus, type RunStatus } from '@switchyard/contracts';
import type { ListedLock } from '@switchyard/store';
import type { Wait } from './explanation.js';
import type { WorkflowFacts } from './facts.js';

/** Milliseconds after which a task that nobody took is told: a busy worker takes it sooner. */
const TAKEN_WITHIN_MS = 10_000;

/** What the waits of a whole run have in common. */
interface Looking {
  /** The run itself: what ends all of it. */
  readonly runId: string;
  readonly locks: readonly ListedLock[];
  readonly now: Date;
}

/** What a run that is under way waits for: reasons of its own first, then those of its children, outermost first. */
export function findWaits(run: WorkflowFacts, locks: readonly ListedLock[], now: Date): Wait[] {
  return waitsOf(run, { runId: run.workflowId, locks, now });
}

function waitsOf(run: WorkflowFacts, looking: Looking): Wait[] {
  const below = run.children
    .filter(({ state }) => state === 'running')
    .flatMap(({ facts }) => (facts ? waitsOf(facts, looking) : []));
  const own = [...untaken(run, looking), ...broken(run), ...said(run, looking), ...retries(run, looking)];
  return [...own, ...below, ...(own.length + below.length === 0 ? atWork(run) : [])];
}

const START_A_WORKER = ['start its worker, or a mended one; `switchyard status` shows those of the local stack'];

function untaken({ untakenSince: since, taskQueue: name, workflowId }: WorkflowFacts, { now }: Looking): Wait[] {
  if (since === null || now.getTime() - Date.parse(since) < TAKEN_WITHIN_MS) return [];
  const lines = [`no worker takes its tasks from queue "${name}"`];
  return [{ workflowId, kind: 'worker', name, since, lines, todo: START_A_WORKER }];
}

function broken({ workflowId, brokenTask, type }: WorkflowFacts): Wait[] {
  if (brokenTask === null) return [];
  const lines = [`the code of ${type} fails and is tried again until a mended worker takes it: ${brokenTask}`];
  return [{ workflowId, kind: 'worker', name: type, since: null, lines, todo: START_A_WORKER }];
}

/** What the run itself says that it waits for; what its children wait for comes from them. */
function said({ workflowId, status, events }: WorkflowFacts, { runId, locks }: Looking): Wait[] {
  if (!status?.waitingFor) return [];
  const { kind, name, since } = status.waitingFor;
  const isOfChild = status.steps.some((step) =>
    step.children?.some((child) => child.waitingFor && `${step.id}/${child.waitingFor.name}` === name),
  );
  if (isOfChild) return [];
  const wait = { workflowId, kind, name, since, lines: detailOf(status, name), todo: [] };
  if (kind === 'lock') {
    const held = locks.find((lock) => lock.name === name);
    return [held ? { ...wait, lines: [`held by ${held.workflowId} since ${held.since}: ${held.reason}`] } : wait];
  }
  if (kind !== 'person') {
    const gate = status.gates.find((one) => one.name === name);
    return [gate ? { ...wait, lines: gateLines(gate), todo: gateCommands(workflowId, gate) } : wait];
  }
  if (name === 'resume')
    return [
      {
        ...wait,
        lines: [`paused by ${status.pausedBy ?? 'somebody'}`],
        todo: [`switchyard resume ${workflowId}`],
      },
    ];
  const held = events.findLast((event) => event.type === 'step_held' && event.step === name);
  const code = held?.data['code'];
  const why = held && `${typeof code === 'string' ? `${code}: ` : ''}${held.message}`;
  return [
    {
      ...wait,
      ...(why === undefined ? {} : { lines: [`step "${name}" is held: ${why}`] }),
      todo: [
        `switchyard retry ${workflowId} ${name}`,
        `switchyard skip ${workflowId} ${name} --reason ...`,
        `switchyard abort ${runId} --reason ...`,
      ],
    },
  ];
}

const detailOf = ({ steps }: RunStatus, name: string): string[] =>
  steps.flatMap(({ id, state, detail }) => (detail && (id === name || state === 'waiting') ? [detail] : []));

function gateLines({ title, shown, conditions, decisions, required, expiresAt }: GateStatus): string[] {
  return [
    `${title}: ${decisions.length} of ${required} decided${expiresAt === null ? '' : `, expires at ${expiresAt}`}`,
    ...shown,
    ...conditions
      .filter(({ state }) => state !== 'pass')
      .map((one) => `${one.state}: ${one.name}: required ${one.required}, observed ${one.observed}`),
  ];
}

const gateCommands = (workflowId: string, { name, state, evidence }: GateStatus): string[] =>
  state === 'open'
    ? [
        `switchyard approve ${workflowId} --gate ${name} --evidence ${evidence}`,
        `switchyard reject ${workflowId} --gate ${name} --reason ...`,
      ]
    : [];

function retries({ workflowId, pending, taskQueue }: WorkflowFacts, { runId }: Looking): Wait[] {
  return pending.flatMap(({ type: name, attempt, lastFailure, isRunning, nextAt }): Wait[] => {
    const wait = { workflowId, name, since: null };
    if (lastFailure) {
      const lines = [
        `attempt ${attempt}${isRunning ? ' is under way' : ''}; the one before it: ${lastFailure.code}: ${lastFailure.message}`,
        ...(isRunning || nextAt === null ? [] : [`next attempt at ${nextAt}`]),
      ];
      const todo = ['mend the cause, and it goes on by itself', `switchyard abort ${runId} --reason ...`];
      return [{ ...wait, kind: 'retry', lines, todo }];
    }
    if (isRunning || attempt > 1) return [];
    const lines = [`no worker has taken it yet from queue "${taskQueue}"`];
    return [{ ...wait, kind: 'worker', lines, todo: START_A_WORKER }];
  });
}

/** Nothing is in its way: what is being done. */
function atWork({ workflowId, status, pending, type }: WorkflowFacts): Wait[] {
  const wait = { workflowId, kind: 'work', todo: [] } as const;
  const running = (status?.steps ?? []).filter(({ state }) => state === 'running');
  if (running.length === 0)
    return [
      { ...wait, name: type, since: null, lines: pending.map((activity) => `activity ${activity.type} is under way`) },
    ];
  return running.map(({ id, title, detail, startedAt, progress }) => ({
    ...wait,
    name: id,
    since: startedAt ?? null,
    lines: [`${title}${progress === undefined ? '' : `, ${Math.round(progress)} %`}${detail ? `: ${detail}` : ''}`],
  }));
}

/** Since when, in words; empty where it is not known. */
export const sinceWords = (since: string | null, now: Date): string =>
  since === null ? '' : ` for ${formatDuration(Math.max(0, now.getTime() - Date.parse(since)))}`;

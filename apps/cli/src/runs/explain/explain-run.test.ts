import type { RunStatus, StoredEvent } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import type { FailureFacts } from '../history/failure-facts.js';
import { explainRun } from './explain-run.js';
import type { ChildFacts, WorkflowFacts } from './facts.js';
import { renderExplanation } from './render-explanation.js';
import pc from 'picocolors';

const START = '2026-11-20T10:00:00.000Z';
const END = '2026-11-20T10:01:30.000Z';
const NOW = new Date('2026-11-20T10:05:00.000Z');

const failure = (code: string, message: string, details: unknown = null): FailureFacts => ({
  code,
  message,
  details,
  activity: null,
});

function workflow(given: Partial<WorkflowFacts> & Pick<WorkflowFacts, 'workflowId'>): WorkflowFacts {
  const isOver = given.state !== 'running';
  return {
    type: 'RunbookWorkflow',
    taskQueue: 'coordinator-queue',
    startedAt: START,
    closedAt: isOver ? END : null,
    state: 'failed',
    failure: null,
    children: [],
    failedActivities: [],
    brokenTask: null,
    continuedFrom: null,
    continuedTo: null,
    events: [],
    status: null,
    pending: [],
    untakenSince: null,
    ...given,
  };
}

function child(facts: WorkflowFacts, endedAt = END): ChildFacts {
  const { workflowId, type, state, failure: own } = facts;
  return { workflowId, runId: `${workflowId}-run`, type, state, failure: own, endedAt, facts };
}

let seq = 0;
const event = (given: Partial<StoredEvent> & Pick<StoredEvent, 'type' | 'message'>): StoredEvent => ({
  runId: 'run',
  workflowId: 'run',
  step: null,
  attempt: 1,
  source: 'step',
  level: 'error',
  subject: null,
  data: {},
  at: START,
  storedAt: START,
  seq: ++seq,
  ...given,
});

const explain = (run: WorkflowFacts) => explainRun({ run, locks: [], missing: [] }, NOW);

/** A runbook whose step `web` plays on two hosts, of which one fails at its second attempt as at its first. */
function failedPlay(): WorkflowFacts {
  const said = 'of 2 hosts 1 failed; mend them, then start a run with `retryOf` "run/web"';
  const play = workflow({
    workflowId: 'run/web',
    type: 'AnsibleWorkflow',
    failure: failure('AnsibleHostsFailed', said, { failedHosts: ['b'] }),
    events: [
      event({ source: 'ansible', type: 'host_failed', subject: 'a', message: 'a: failed: install: no disk' }),
      event({ source: 'ansible', type: 'host_failed', subject: 'b', message: 'b: failed: install: no net' }),
      event({
        source: 'ansible',
        type: 'host_failed',
        subject: 'b',
        attempt: 2,
        message: 'b: failed: install: no route',
        data: { task: 'install' },
      }),
      event({ source: 'ansible', type: 'line', message: 'fatal: [b]: FAILED!' }),
      event({ type: 'step_failed', step: 'playbook', message: 'Run web.yml: 1 of 2 hosts did not end well' }),
    ],
  });
  const other = workflow({
    workflowId: 'run/try',
    type: 'AnsibleWorkflow',
    failure: failure('NotFound', 'no try.yml'),
  });
  const details = {
    steps: {
      try: { outcome: 'failed', error: { code: 'NotFound', message: 'no try.yml' } },
      web: { outcome: 'failed', error: { code: 'AnsibleHostsFailed', message: said } },
    },
    compensation: [
      { step: 'net', error: null },
      { step: 'dns', error: { code: 'UpstreamFailed', message: 'no answer' } },
    ],
    cause: { step: 'web', code: 'AnsibleHostsFailed', message: said },
  };
  return workflow({
    workflowId: 'run',
    failure: failure('CompensationFailed', `step "web": ${said}; and "dns" could not be undone: ...`, details),
    children: [child(play, '2026-11-20T10:00:30.000Z'), child(other)],
    events: [
      event({ type: 'step_retried', step: 'web', attempt: 1, level: 'warning', message: 'again' }),
      event({ type: 'step_failed', step: 'web', attempt: 2, message: 'web: AnsibleHostsFailed' }),
      event({ type: 'warning', source: 'run', level: 'warning', message: 'step "try" failed, and the run went on' }),
    ],
  });
}

describe('a failed run', () => {
  it('is followed to the child, step, host and task where the failure began, past children that failed otherwise', () => {
    const { cause, summary, next, warnings } = explain(failedPlay());
    expect(cause?.chain.map(({ workflowId, step, attempts, code }) => [workflowId, step, attempts, code])).toEqual([
      ['run', 'web', 2, 'CompensationFailed'],
      ['run/web', 'playbook', 1, 'AnsibleHostsFailed'],
    ]);
    expect(cause?.evidence.map(({ subject, task, attempt }) => [subject, task, attempt])).toEqual([
      ['b', 'install', 2],
    ]);
    expect(summary).toBe(
      'run failed after 1 min 30 s in step "web" > "playbook": AnsibleHostsFailed; 1 could not be undone',
    );
    expect(next).toContain('switchyard runs retry run/web --hosts failed');
    expect(next[0]).toBe('undo dns by hand: no answer');
    expect(warnings).toEqual(['step "try" failed, and the run went on']);
  });

  it('says what was undone and what was not', () => {
    expect(explain(failedPlay()).compensation).toEqual([
      { what: 'net', outcome: 'undone', message: '' },
      { what: 'dns', outcome: 'failed', message: 'no answer' },
    ]);
  });

  it('is blamed on itself where no child failed with its failure, as when a step took too long', () => {
    const cancelled = workflow({
      workflowId: 'run/b',
      state: 'cancelled',
      failure: failure('Cancelled', 'the run was cancelled'),
    });
    const { cause } = explain(
      workflow({
        workflowId: 'run',
        failure: failure('TimedOut', 'step "b": took longer than 200 ms and was ended'),
        children: [child(cancelled)],
        events: [event({ type: 'step_failed', step: 'b', message: 'b: TimedOut' })],
      }),
    );
    expect(cause?.chain).toMatchObject([{ workflowId: 'run', step: 'b', code: 'TimedOut' }]);
  });

  it('is followed through the chunks of a forEach, which end well themselves', () => {
    const item = workflow({ workflowId: 'run/each/7', failure: failure('NotFound', 'no such host: seven') });
    const chunk = workflow({
      workflowId: 'run/each/items-1',
      type: 'RunbookItemsWorkflow',
      state: 'completed',
      children: [child(item)],
    });
    const { cause } = explain(
      workflow({
        workflowId: 'run',
        failure: failure('NotFound', 'step "each": 1 of 90 items failed; item 7: no such host: seven'),
        children: [child(chunk)],
      }),
    );
    expect(cause?.chain.map(({ workflowId }) => workflowId)).toEqual(['run', 'run/each/7']);
  });

  it('shows what a tool printed where it said nothing else', () => {
    const run = workflow({
      workflowId: 'run',
      failure: failure('TerraformPlanFailed', 'no provider'),
      events: [event({ source: 'terraform', type: 'line', message: 'Error: no provider' })],
    });
    expect(explain(run).cause?.evidence).toMatchObject([{ message: 'Error: no provider' }]);
  });

  it('ends at a child whose history is gone with what its parent heard of it', () => {
    const gone = {
      ...child(workflow({ workflowId: 'run/web', failure: failure('NotFound', 'no web.yml') })),
      facts: null,
    };
    const run = workflow({
      workflowId: 'run',
      failure: failure('NotFound', 'step "web": no web.yml'),
      children: [gone],
    });
    expect(explain(run).cause?.chain.at(-1)).toMatchObject({ workflowId: 'run/web', code: 'NotFound' });
  });

  it('names the activity that failed and how often it was tried', () => {
    const run = workflow({
      workflowId: 'run',
      type: 'TerraformWorkflow',
      failure: { ...failure('TerraformPlanFailed', 'no provider'), activity: 'planStack' },
      failedActivities: [{ type: 'planStack', attempts: 3, failure: failure('TerraformPlanFailed', 'x'), at: END }],
    });
    expect(explain(run).cause?.activity).toEqual({ type: 'planStack', attempts: 3 });
  });
});

function status(given: Partial<RunStatus>): RunStatus {
  return {
    kind: 'runbook',
    title: 'Runbook r',
    runId: 'run',
    state: 'waiting',
    phase: 'running',
    progress: 0,
    steps: [],
    gates: [],
    waitingFor: null,
    pausedBy: null,
    warnings: [],
    startedAt: START,
    updatedAt: START,
    ...given,
  };
}

const running = (given: Partial<WorkflowFacts>): WorkflowFacts =>
  workflow({ workflowId: 'run', state: 'running', ...given });

describe('a run that is under way', () => {
  it('waits at a gate of its child, whose command is told', () => {
    const waitingFor = { kind: 'approval', name: 'plan', since: START } as const;
    const gate = {
      name: 'plan',
      title: 'Apply 1 change',
      state: 'open',
      evidence: 'sha256:ab',
      shown: ['+ one'],
      required: 1,
      openedAt: START,
      expiresAt: null,
      conditions: [],
      decisions: [],
    } as const;
    const stack = workflow({
      workflowId: 'run/net',
      type: 'TerraformWorkflow',
      state: 'running',
      status: status({ waitingFor, gates: [{ ...gate, shown: [...gate.shown], conditions: [], decisions: [] }] }),
    });
    const { waits, next, summary, cause } = explain(
      running({
        children: [child(stack)],
        status: status({
          waitingFor: { ...waitingFor, name: 'net/plan' },
          steps: [
            {
              id: 'net',
              title: 'net',
              state: 'waiting',
              attempt: 1,
              children: [{ workflowId: 'run/net', type: 'TerraformWorkflow', waitingFor }],
            },
          ],
        }),
      }),
    );
    expect(cause).toBeNull();
    expect(waits).toMatchObject([{ workflowId: 'run/net', kind: 'approval', name: 'plan' }]);
    expect(waits[0]?.lines).toEqual(['Apply 1 change: 0 of 1 decided', '+ one']);
    expect(next[0]).toBe('switchyard approve run/net --gate plan --evidence sha256:ab');
    expect(summary).toBe('run waits for approval plan for 5 min 00 s');
  });

  it('is held at a failed step, and says why and what a person can do', () => {
    const { waits, next } = explain(
      running({
        status: status({ waitingFor: { kind: 'person', name: 'shaky', since: START } }),
        events: [
          event({ type: 'step_held', step: 'shaky', message: 'the mend is missing', data: { code: 'StepFailed' } }),
        ],
      }),
    );
    expect(waits[0]?.lines).toEqual(['step "shaky" is held: StepFailed: the mend is missing']);
    expect(next[0]).toBe('switchyard retry run shaky');
  });

  it('names who holds the lock that it waits for', () => {
    const run = running({ status: status({ waitingFor: { kind: 'lock', name: 'database:app', since: START } }) });
    const lock = {
      name: 'database:app',
      workflowId: 'other',
      executionId: 'x',
      reason: 'migration',
      since: START,
      waiters: [],
    };
    expect(explainRun({ run, locks: [lock], missing: [] }, NOW).waits[0]?.lines).toEqual([
      `held by other since ${START}: migration`,
    ]);
  });

  it('tells attempts that failed, workers that are missing and code that breaks', () => {
    const { waits } = explain(
      running({
        untakenSince: START,
        brokenTask: 'x is not a function',
        pending: [
          {
            type: 'planStack',
            attempt: 4,
            isRunning: false,
            lastFailure: failure('UpstreamFailed', 'no registry'),
            nextAt: END,
          },
        ],
      }),
    );
    expect(waits.map(({ kind }) => kind)).toEqual(['worker', 'worker', 'retry']);
    expect(waits[2]?.lines[0]).toBe('attempt 4; the one before it: UpstreamFailed: no registry');
  });

  it('is at work where nothing is in its way', () => {
    const { summary, next } = explain(
      running({
        status: status({ steps: [{ id: 'web', title: 'Web', state: 'running', attempt: 1, startedAt: START }] }),
      }),
    );
    expect(summary).toBe('run is at work on web for 5 min 00 s');
    expect(next).toEqual([]);
  });
});

it('a run that ended well is said to have done so', () => {
  const explanation = explain(workflow({ workflowId: 'run', state: 'completed' }));
  expect(explanation).toMatchObject({ summary: 'run ended well after 1 min 30 s', cause: null, next: [] });
});

it('people read the summary first, then why, what the tools said, what was undone and what to do', () => {
  const lines = renderExplanation(explain(failedPlay()), { color: pc.createColors(false), width: 80 }, NOW);
  expect(lines.filter((line) => !line.startsWith(' '))).toEqual([
    'run failed after 1 min 30 s in step "web" > "playbook": AnsibleHostsFailed; 1 could not be undone',
    'why',
    'what the tools said',
    'undone',
    'warnings',
    'what to do',
  ]);
  expect(Math.max(...lines.slice(1, 8).map((line) => line.length))).toBeLessThanOrEqual(80);
});

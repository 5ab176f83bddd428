import type { Condition, GateStatus, RunStatus, StepStatus } from '@switchyard/contracts';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { visibleLength } from '../terminal.js';
import { movedConditions } from './gate-state.js';
import { renderAbort } from './render-abort.js';
import { renderChange } from './render-change.js';
import { renderChangeGate } from './render-gate.js';
import { renderPlan } from './render-plan.js';
import { whatNext } from './what-next.js';

const condition = (name: string, state: Condition['state'], observed = '0'): Condition => ({
  name,
  state,
  observed,
  required: 'at most 0',
  source: 'test',
  at: '2026-01-01T00:00:00Z',
});
const gate = (given: Partial<GateStatus>): GateStatus => ({
  name: 'cutover',
  title: 'Switch public.users to first_name, last_name',
  state: 'closed',
  evidence: 'sha256:1',
  shown: [],
  required: 1,
  openedAt: null,
  expiresAt: null,
  conditions: [],
  decisions: [],
  ...given,
});
const step = (given: Partial<StepStatus> & { id: string }): StepStatus => ({
  title: given.id,
  state: 'running',
  attempt: 1,
  startedAt: '2026-01-01T00:00:00Z',
  ...given,
});
const status = (given: Partial<RunStatus>): RunStatus => ({
  kind: 'schema-change',
  title: 'public.users to first_name, last_name',
  runId: 'run-1',
  state: 'running',
  phase: 'Backfill',
  progress: 20,
  steps: [],
  gates: [],
  waitingFor: null,
  pausedBy: null,
  warnings: [],
  startedAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  ...given,
});
const commands = (of: RunStatus): (string | undefined)[] => whatNext(of, 'run-1').map(({ command }) => command);

describe('what to do next', () => {
  it('is to decide when a gate is open', () => {
    expect(commands(status({ gates: [gate({ state: 'open' })] }))).toEqual(['switchyard schema-change approve run-1']);
  });

  it('tells what needs a person apart from what only needs time while a gate is closed', () => {
    const conditions = [
      condition('sessions waiting for a lock', 'fail', '3'),
      condition('cool-down', 'pending'),
      condition('parked keys', 'pass'),
    ];
    expect(whatNext(status({ gates: [gate({ conditions })] }), 'run-1').map(({ text }) => text)).toEqual([
      'Gate cutover is closed. Needs you: sessions waiting for a lock (3).',
      'Gate cutover opens by itself after: cool-down.',
    ]);
  });

  it('is to retry or to go back when a step is held', () => {
    const held = status({
      state: 'waiting',
      steps: [step({ id: 'prove', state: 'failed', detail: 'rows differ' })],
      waitingFor: { kind: 'person', name: 'prove', since: '2026-01-01T00:00:00Z' },
    });
    expect(commands(held)).toEqual(['switchyard retry run-1 prove', 'switchyard schema-change abort run-1 --dry-run']);
  });

  it('names what holds the backfill up, and how to tune it', () => {
    const [next] = whatNext(
      status({ steps: [step({ id: 'backfill', detail: 'held up: replica lag 12 s' })] }),
      'run-1',
    );
    expect(next?.text).toContain('replica lag 12 s');
    expect(next?.command).toContain('schema-change tune run-1');
  });

  it('is to resume a paused run, to read the report of one that has ended, and nothing while it works', () => {
    expect(commands(status({ pausedBy: 'olga' }))).toEqual(['switchyard resume run-1']);
    expect(commands(status({ state: 'done' }))).toEqual(['switchyard schema-change report run-1']);
    expect(whatNext(status({}), 'run-1')[0]?.text).toBe('Nothing: it works.');
  });
});

describe('evidence that was shown', () => {
  it('has not moved while its digest is the same, whatever the observed values say', () => {
    const before = gate({ conditions: [condition('parked keys', 'pass', '0')] });
    expect(movedConditions(before, gate({ conditions: [condition('parked keys', 'pass', '0 still')] }))).toEqual([]);
  });

  it('has moved when a condition has another state, which is named', () => {
    const before = gate({ conditions: [condition('parked keys', 'pass')] });
    const now = gate({ evidence: 'sha256:2', conditions: [condition('parked keys', 'fail', '2')] });
    expect(movedConditions(before, now)).toEqual(['parked keys: pass → fail (2)']);
  });

  it('has moved when the gate has closed and opened again', () => {
    expect(movedConditions(gate({}), gate({ evidence: 'sha256:2' }))).toEqual([
      'the gate has closed and opened again since it was shown',
    ]);
  });
});

describe.each([80, 120])('at %i columns', (width) => {
  const paint = { color: pc.createColors(true), width };
  const long = 'a sentence that is longer than any terminal and has to be broken between its words '.repeat(4);
  const widest = (lines: readonly string[]): number => Math.max(...lines.map(visibleLength));

  it('no line of a status, a gate, a plan or an abort is longer than the terminal', () => {
    const open = gate({
      state: 'open',
      shown: [long],
      conditions: [condition('open transactions older than the barrier that wrote the table', 'fail', long)],
      decisions: [
        { by: 'anton', channel: 'cli', decision: 'approve', reason: long, at: '2026-01-01T00:00:00Z', evidence: '' },
      ],
      evidence: '',
    });
    const view = {
      runId: 'run-1',
      status: status({
        gates: [open],
        warnings: [long],
        steps: [step({ id: 'backfill', progress: 52.4, detail: long })],
      }),
      stream: long,
      startedBy: 'olga',
    };
    const estimate = { rows: 1e9, seconds: 1e4, walBytes: 1e12, diskBytes: 1e12 };
    const plan = {
      change: 'users-name-split',
      database: 'app',
      table: 'public.users',
      newTable: 'public.users',
      strategy: 'columns' as const,
      steps: [
        {
          id: 'expand',
          phase: 'Expand',
          title: long,
          sql: ['select 1'],
          locks: [
            {
              mode: 'ACCESS EXCLUSIVE',
              relation: 'public.users',
              hold: 'moment' as const,
              expectedMs: 5,
              blocks: long,
            },
          ],
          reversible: true,
          undo: long,
          estimate,
        },
      ],
      basis: { rows: 1e9, rowBytes: 190, secondaryIndexes: 3, hot: 0 },
      total: estimate,
      longestExclusiveMs: 5,
    };
    const preview = {
      possible: true,
      refusal: '',
      actions: [{ action: 'verify', title: long }],
      restored: [long],
      lost: [long],
    };
    expect(widest(renderChange(view, new Date('2026-01-01T00:01:00Z'), paint))).toBeLessThanOrEqual(width);
    expect(widest(renderChangeGate(open, paint))).toBeLessThanOrEqual(width);
    expect(widest(renderPlan(plan, { digest: null, sql: true }, paint))).toBeLessThanOrEqual(width);
    expect(widest(renderAbort(preview, paint))).toBeLessThanOrEqual(width);
  });
});

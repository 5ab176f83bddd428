import type { GateStatus, RunStatus } from '@switchyard/contracts';
import { STILL_UNDECIDED } from './gate-state.js';

/** What a person can do about a change now, most urgent first: a sentence each, and the command where there is one. */
export interface NextStep {
  readonly text: string;
  readonly command?: string;
}

/** Gauge names by the words that a held-up backfill shows. */
const HELD_UP = /^held up: (.*)$/s;

/**
 * Tells from a status what there is to do. Nothing is also an answer.
 * @param runId the id that commands take: of a step of a runbook that of the step, which its status does not say
 */
export function whatNext(status: RunStatus, runId: string): readonly NextStep[] {
  const { state, waitingFor, pausedBy, steps } = status;
  if (state === 'done') {
    return [{ text: 'It has ended.', command: `switchyard schema-change report ${runId}` }];
  }
  const found: NextStep[] = [];
  if (pausedBy !== null) {
    found.push({ text: `${pausedBy} paused it; the stream goes on.`, command: `switchyard resume ${runId}` });
  }
  const failed = steps.find(({ state: of }) => of === 'failed');
  if (waitingFor?.kind === 'person' && failed) {
    found.push(
      { text: `"${failed.title}" failed. Mend the cause, then`, command: `switchyard retry ${runId} ${failed.id}` },
      { text: 'or see what going back would do', command: `switchyard schema-change abort ${runId} --dry-run` },
    );
  }
  const gate = status.gates.find((candidate) => STILL_UNDECIDED.has(candidate.state));
  if (gate) found.push(...aboutGate(runId, gate));
  if (waitingFor?.kind === 'lock') {
    found.push({
      text: `Another run holds ${waitingFor.name}; this one begins when it is free.`,
      command: 'switchyard runs list --open',
    });
  }
  const held = steps.flatMap(({ state: of, detail }) =>
    of === 'running' ? (HELD_UP.exec(detail ?? '')?.[1] ?? []) : [],
  );
  if (held.length > 0) {
    found.push({
      text: `The backfill waits for the server: ${held.join('; ')}. It goes on by itself; a limit that is too strict can be changed.`,
      command: `switchyard schema-change tune ${runId} --throttle <name>=<limit>`,
    });
  }
  if (found.length === 0) found.push({ text: 'Nothing: it works.', command: `switchyard runs watch ${runId}` });
  return found;
}

function aboutGate(runId: string, gate: GateStatus): NextStep[] {
  if (gate.state === 'open') {
    return [
      {
        text: `Gate ${gate.name} is open: every condition holds. Decide:`,
        command: `switchyard schema-change approve ${runId}`,
      },
    ];
  }
  const failing = gate.conditions.filter(({ state }) => state === 'fail' || state === 'unknown');
  const pending = gate.conditions.filter(({ state }) => state === 'pending');
  return [
    ...(failing.length > 0
      ? [
          {
            text: `Gate ${gate.name} is closed. Needs you: ${failing.map(({ name, observed }) => `${name} (${observed})`).join(', ')}.`,
          },
        ]
      : []),
    ...(pending.length > 0
      ? [{ text: `Gate ${gate.name} opens by itself after: ${pending.map(({ name }) => name).join(', ')}.` }]
      : []),
    ...(failing.length + pending.length === 0 ? [{ text: `Gate ${gate.name} is being looked at.` }] : []),
  ];
}

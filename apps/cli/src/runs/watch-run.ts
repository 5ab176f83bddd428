import type { RunStatus } from '@switchyard/contracts';
import type { Client } from '@temporalio/client';
import type { Terminal } from '../terminal.js';
import { openGates, statusOf, type OpenGate } from './find-gates.js';
import { liveTable, type LiveTable } from './live-table.js';
import { outcomeOf, type RunOutcome } from './outcome.js';
import { renderGate, renderSteps, renderVerdict } from './render-status.js';

/** Milliseconds between looks at a run. */
const LOOK_EVERY = 400;

/** Options of {@link watchRun}. */
export interface WatchOptions {
  readonly client: Client;
  readonly workflowId: string;
  readonly terminal: Terminal;
  /** Ends the watching, not the run. */
  readonly signal: AbortSignal;
  /** Called after each look, with the gates that are open. */
  readonly onLook?: (status: RunStatus, gates: readonly OpenGate[], table: LiveTable) => void | Promise<void>;
}

/**
 * Shows a run until it ends: a table redrawn in place on a terminal, one line per change elsewhere.
 * @returns how it ended, or undefined when the watching was ended first
 */
export async function watchRun(options: WatchOptions): Promise<RunOutcome | undefined> {
  const { client, workflowId, terminal, signal, onLook } = options;
  const table = liveTable(terminal);
  const shown = new Map<string, string>();
  const gatesSaid = new Set<string>();
  const ended = new AbortController();
  const outcome = outcomeOf(client.workflow.getHandle(workflowId)).finally(() => ended.abort());
  // Asked for only when the loop below is through; until then a rejection must not count as unhandled.
  outcome.catch(() => undefined);

  const look = async (): Promise<void> => {
    const status = await statusOf(client, workflowId);
    const gates = status.waitingFor?.kind === 'approval' ? await openGates(client, workflowId) : [];
    const gateLines = gates.flatMap(({ gate, workflowId: holder }) => renderGate(gate, holder, terminal));
    table.draw([renderVerdict(status, terminal.color), ...renderSteps(status, terminal, new Date()), ...gateLines]);
    if (!terminal.isLive) {
      for (const line of changes(status, shown)) table.log(line);
      for (const { gate, workflowId: holder } of gates) {
        const key = `${holder}/${gate.name}/${gate.evidence}`;
        if (!gatesSaid.has(key)) renderGate(gate, holder, terminal).forEach((line) => table.log(line));
        gatesSaid.add(key);
      }
    }
    await onLook?.(status, gates, table);
  };

  while (!ended.signal.aborted && !signal.aborted) {
    // A worker that is being started again does not answer queries: the run goes on, and so does the watching.
    await look().catch(() => undefined);
    await Promise.race([outcome.catch(() => undefined), pause(LOOK_EVERY, signal)]);
  }
  if (!ended.signal.aborted) {
    table.end();
    return undefined;
  }
  await look().catch(() => undefined);
  table.end();
  return outcome;
}

/** The steps whose state changed since the last look, as lines. */
function changes(status: RunStatus, shown: Map<string, string>): string[] {
  return status.steps.flatMap((step) => {
    const now = `${step.state} ${step.attempt}`;
    if (shown.get(step.id) === now || step.state === 'pending') return [];
    shown.set(step.id, now);
    return [`${step.state.padEnd(11)} ${step.title}${step.detail ? `: ${step.detail}` : ''}`];
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

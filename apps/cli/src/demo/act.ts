import { randomUUID } from 'node:crypto';
import type { RunStatus } from '@switchyard/contracts';
import type { StackStatus } from '@switchyard/local-stack';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import type { GateStory } from './decide-gates.js';
import type { KillStory } from './kill-worker.js';

/** One claim of an act, with what was seen; each can fail. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
  readonly seen: string;
}

/** What an act showed; `checks` decide whether it worked. */
export interface ActReport {
  readonly act: string;
  readonly runId: string;
  readonly link: string | null;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly steps: readonly {
    readonly id: string;
    readonly title: string;
    readonly state: string;
    readonly ms: number | null;
  }[];
  readonly gates: readonly GateStory[];
  readonly kill: KillStory | null;
  readonly durationMs: number;
  readonly result: unknown;
  /** What was told by an act alone, such as the traffic that it served. */
  readonly figures: unknown;
  /** What is shown of it above the checks. */
  readonly lines: (terminal: Terminal) => readonly string[];
}

/** What an act needs. */
export interface ActContext {
  readonly root: string;
  readonly stack: StackStatus;
  readonly session: Session;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Plays one act. */
export type Act = (context: ActContext) => Promise<ActReport>;

/** An id for one playing: when it began, and something that no other one has. */
export const newActId = (): string =>
  `${new Date().toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}-${randomUUID().slice(0, 4)}`;

/** The steps of a run with the milliseconds that each took. */
export const stepsOf = ({ steps }: RunStatus): ActReport['steps'] =>
  steps.map(({ id, title, state, startedAt, endedAt }) => ({
    id,
    title,
    state,
    ms: startedAt && endedAt ? Date.parse(endedAt) - Date.parse(startedAt) : null,
  }));

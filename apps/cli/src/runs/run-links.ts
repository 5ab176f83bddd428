import { TAKEN_UP_EVENTS } from '@switchyard/contracts';
import { readEvents } from '@switchyard/store';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';

/** The runs that a playbook run was made of, and those that were made of it, oldest first. */
export interface RunLinks {
  readonly retryOf: readonly string[];
  readonly retriedBy: readonly string[];
}

/** Most links that are looked for. */
const MOST_LINKS = 100;

/** Reads what a run and its followers have said of each other. */
export async function runLinks(session: Session, workflowId: string): Promise<RunLinks> {
  const types = Object.values(TAKEN_UP_EVENTS);
  const events = await readEvents(session.store().db, { workflowId, types, limit: MOST_LINKS });
  const others = (wanted: string): string[] => [
    // An activity that was tried again says it twice.
    ...new Set(events.flatMap(({ type, subject }) => (type === wanted && subject !== null ? [subject] : []))),
  ];
  return { retryOf: others(TAKEN_UP_EVENTS.takes), retriedBy: others(TAKEN_UP_EVENTS.taken) };
}

/** The links as lines. */
export function renderLinks({ retryOf, retriedBy }: RunLinks, color: Terminal['color']): string[] {
  return [
    ...retryOf.map((run) => `  takes up ${color.bold(run)}`),
    ...retriedBy.map((run) => `  taken up by ${color.bold(run)}`),
  ];
}

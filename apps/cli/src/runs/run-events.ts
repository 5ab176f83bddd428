import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredEvent } from '@switchyard/contracts';
import { readEvents, type EventFilter } from '@switchyard/store';
import type { Session } from '../session.js';
import { describeRun } from './describe-run.js';
import { outcomeOf } from './outcome.js';

/** Options of {@link runEvents}. */
export interface RunEventsOptions {
  readonly runId: string;
  readonly filter: EventFilter & { readonly after: number };
  /** Go on with new events until the run has ended. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

const PAGE = 1_000;

/** The events of a run and its children, or of one child, in the order of their numbers. */
export async function* runEvents(session: Session, options: RunEventsOptions): AsyncGenerator<StoredEvent> {
  const { runId, follow, signal } = options;
  const store = session.store();
  // Asked for at the same time: connecting to the database takes about as long as asking Temporal.
  const [described] = await Promise.all([describeRun(session, runId), readEvents(store.db, { runId, limit: 1 })]);
  const which = described.parentExecution ? { workflowId: runId } : { runId };
  let after = options.filter.after;

  if (follow && described.status.name === 'RUNNING') {
    const ended = new AbortController();
    const closed = untilClosed(session, runId, signal).finally(() => ended.abort());
    // Awaited below, after the last event; until then a rejection must not count as unhandled.
    closed.catch(() => undefined);
    const either = AbortSignal.any([signal, ended.signal]);
    for await (const event of store.followEvents({ ...options.filter, ...which, signal: either })) {
      after = event.seq;
      yield event;
    }
    await closed;
  }
  // What is stored by now: all of a run that has ended, since a run stores its last events before it closes.
  for (;;) {
    if (signal.aborted) return;
    const page = await readEvents(store.db, { ...options.filter, ...which, after, limit: PAGE });
    yield* page;
    after = page.at(-1)?.seq ?? after;
    if (page.length < PAGE) return;
  }
}

/** Looks in a row that may fail: a server that is busy or is being started again is not the end of a run. */
const MAX_FAILURES = 60;

/** Resolves when the run has closed, or when nobody wants to know any more. */
async function untilClosed(session: Session, runId: string, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      await outcomeOf(session.client.workflow.getHandle(runId));
      return;
    } catch (error) {
      if (++failures > MAX_FAILURES) throw error;
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}

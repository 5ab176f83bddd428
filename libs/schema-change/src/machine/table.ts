import type { EventName, StateName, WorkState } from './states.js';

/** What an event means in a state. */
export type Cell =
  /** The run goes on there. `back`: to the state in which it was held. */
  | { readonly to: StateName | 'back' }
  /** Recorded, without effect: the event is late or repeated. */
  | { readonly ignore: string }
  /** The caller is told why not. */
  | { readonly refuse: string };

const to = (state: StateName | 'back'): Cell => ({ to: state });
const ignore = (why: string): Cell => ({ ignore: why });
const refuse = (why: string): Cell => ({ refuse: why });

const NO_GATE = refuse('no gate is open');
const NOT_HELD = refuse('nothing is held');
const NOT_HERE = ignore('it does not concern this state');
const NOTHING_YET = ignore('nothing was made yet');
const GONE = ignore('the stream is no longer used');
const TOO_LATE = refuse('the old columns are dropped or about to be: the point of no return is past');
const ENDED = refuse('the run has ended');
const OVER = ignore('the run has ended');

type Row = Readonly<Record<EventName, Cell>>;

/** Work that can be aborted and held, and then goes on to the next. */
const work = (next: WorkState, other: Partial<Row> = {}): Row => ({
  done: to(next),
  refused: NOT_HERE,
  failed: to('held'),
  parityFailed: to('held'),
  streamLost: to('held'),
  drifted: to('held'),
  approved: NO_GATE,
  rejected: NO_GATE,
  abort: to('aborting'),
  retry: NOT_HELD,
  ...other,
});

/** Only `approved` leads on; `done` is that the gate was shown. */
const gate = (next: WorkState, other: Partial<Row> = {}): Row =>
  work(next, { done: NOT_HERE, approved: to(next), rejected: to('aborting'), ...other });

const ended: Row = {
  done: OVER,
  refused: OVER,
  failed: OVER,
  parityFailed: OVER,
  streamLost: OVER,
  drifted: OVER,
  approved: ENDED,
  rejected: ENDED,
  abort: ENDED,
  retry: ENDED,
};

/** Before anybody reads the new shape a lost stream costs time only: it is made anew, and everything is derived again. */
const RESYNC = to('connecting');

/** The complete table: a new state or event does not compile until every cell is filled. SPEC.md explains it. */
export const TRANSITIONS: Readonly<Record<StateName, Row>> = {
  preflight: work('expanding', {
    refused: to('refused'),
    parityFailed: NOT_HERE,
    streamLost: NOTHING_YET,
    drifted: NOTHING_YET,
  }),
  expanding: work('connecting', { parityFailed: NOT_HERE, streamLost: NOTHING_YET }),
  connecting: work('backfilling', { parityFailed: NOT_HERE, streamLost: RESYNC }),
  backfilling: work('indexing', { parityFailed: NOT_HERE, streamLost: RESYNC }),
  indexing: work('proving', { parityFailed: NOT_HERE, streamLost: RESYNC }),
  proving: work('cutoverGate', { streamLost: RESYNC }),
  // Parity is taken again and again while the gate is open; what it finds closes the gate.
  cutoverGate: gate('switchingReads', { parityFailed: to('proving'), streamLost: RESYNC }),
  switchingReads: work('dualWriting'),
  dualWriting: work('enforcing'),
  enforcing: work('reversing'),
  reversing: work('switchingWrites'),
  switchingWrites: work('coolingDown'),
  coolingDown: work('contractGate'),
  contractGate: gate('closing'),
  closing: work('dropping'),
  dropping: work('cleaning', { parityFailed: NOT_HERE, streamLost: GONE, abort: TOO_LATE }),
  cleaning: work('cleaning', {
    done: to('completed'),
    parityFailed: NOT_HERE,
    streamLost: GONE,
    drifted: NOT_HERE,
    abort: TOO_LATE,
  }),
  aborting: work('aborting', {
    done: to('aborted'),
    // A table that somebody changed is what an abort has to cope with; it reports what it could not undo.
    drifted: NOT_HERE,
    abort: ignore('the abort is under way'),
  }),
  held: {
    done: ignore('late word of work that was given up'),
    refused: NOT_HERE,
    failed: ignore('it is held already'),
    parityFailed: ignore('it is held already'),
    streamLost: ignore('it is held already'),
    drifted: ignore('it is held already'),
    approved: NO_GATE,
    rejected: NO_GATE,
    abort: to('aborting'),
    retry: to('back'),
  },
  completed: ended,
  aborted: ended,
  refused: ended,
};

import type { Phase } from '../plan/plan-step.js';
import type { Relation } from '../sql/shape.js';
import {
  PHASE_OF,
  POINT_OF_NO_RETURN,
  rank,
  type EventName,
  type Machine,
  type Reached,
  type StateName,
  type WorkState,
} from './states.js';
import { TRANSITIONS, type Cell } from './table.js';

/** Something that happened, with the words for people. */
export interface MachineEvent {
  readonly event: EventName;
  /** Why or what: the obstacle, the reason of an abort, the error. */
  readonly detail?: string;
}

/** What an event did. */
export type Transition =
  | { readonly kind: 'moved'; readonly machine: Machine }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

/** A run at its beginning. */
export const newMachine = (): Machine => ({ state: 'preflight', reached: 'preflight' });

/** What an event means now; the same word is what an update validator answers. */
export function cellOf(machine: Machine, event: EventName): Cell {
  // A held drop is held, but it is as far as a drop is: it can be tried again and no longer aborted.
  if (machine.state === 'held' && event === 'abort' && (isPastReturn(machine.reached) || machine.at === 'aborting')) {
    return TRANSITIONS[machine.at].abort;
  }
  return TRANSITIONS[machine.state][event];
}

/** Takes one event. Pure; the machine is not changed. */
export function transition(machine: Machine, { event, detail = '' }: MachineEvent): Transition {
  const cell = cellOf(machine, event);
  if ('ignore' in cell) return { kind: 'ignored', why: cell.ignore };
  if ('refuse' in cell) return { kind: 'refused', why: cell.refuse };
  return { kind: 'moved', machine: enter(machine, cell.to, event, detail) };
}

function enter(machine: Machine, to: StateName | 'back', event: EventName, detail: string): Machine {
  const reached = 'reached' in machine ? machine.reached : 'cleaning';
  const reason = 'reason' in machine ? machine.reason : null;
  const target = to === 'back' ? (machine.state === 'held' ? machine.at : 'preflight') : to;
  switch (target) {
    case 'completed':
      return { state: 'completed' };
    case 'refused':
      return { state: 'refused', reason: detail };
    case 'aborted':
      return { state: 'aborted', reason: reason ?? detail };
    case 'aborting':
      return { state: 'aborting', reached, reason: reason ?? (detail || event) };
    case 'held':
      return { state: 'held', at: stateOf(machine), reached, because: event, detail, reason };
    default:
      return { state: target, reached: furthest(reached, target) };
  }
}

const stateOf = (machine: Machine): WorkState =>
  machine.state === 'held'
    ? machine.at
    : machine.state === 'completed' || machine.state === 'aborted' || machine.state === 'refused'
      ? 'cleaning'
      : machine.state;

const furthest = (a: Reached, b: Reached): Reached => (rank(a) < rank(b) ? b : a);

const isPastReturn = (reached: Reached): boolean => rank(reached) >= rank(POINT_OF_NO_RETURN);

/** Whether an abort would be taken now. */
export function canAbort(machine: Machine): boolean {
  const cell = cellOf(machine, 'abort');
  return 'to' in cell;
}

/** The phase that `status` shows. */
export function phaseOf(machine: Machine): Phase {
  if (machine.state === 'completed') return 'Contract';
  if (machine.state === 'aborted' || machine.state === 'refused') return 'Expand';
  return PHASE_OF[machine.state === 'held' || machine.state === 'aborting' ? machine.reached : machine.state];
}

/** Which way the stream mends, and by which relation; null: there is no stream. */
export function streamMode(
  machine: Machine,
): { readonly direction: 'forward' | 'reverse'; readonly relation: Relation } | null {
  if (!('reached' in machine)) return null;
  const at = rank(machine.reached);
  if (at < rank('connecting') || at >= rank('dropping')) return null;
  if (at >= rank('reversing')) return { direction: 'reverse', relation: 'consistent' };
  return { direction: 'forward', relation: at >= rank('dualWriting') ? 'filled' : 'derived' };
}

import { CodedError, EVENT_RULE_LIMITS, type EventRule, type RulePoll } from '@switchyard/contracts';
import { booleanOf, evaluateWith, fill } from '../expressions.js';
import { conditionSource } from '../template.js';

/** What a rule reads in one event. */
export interface EventReading {
  readonly group: string;
  /** `nothing`: the event neither speaks of the trouble nor of its end. */
  readonly verdict: 'trouble' | 'resolved' | 'nothing';
}

/** A firing as the expressions of `inputs` see it. */
export interface FiringView {
  readonly number: number;
  readonly rule: string;
  readonly group: string;
  /** Events that it answers. */
  readonly count: number;
  /** Since when the trouble lasts, and the time of the firing; ISO 8601. */
  readonly since: string;
  readonly at: string;
  /** The first and the last of its events. */
  readonly first: unknown;
  readonly last: unknown;
}

/** Fields of {@link FiringView}, for the check of expressions. */
export const FIRING_FIELDS = [
  'number',
  'rule',
  'group',
  'count',
  'since',
  'at',
  'first',
  'last',
] as const satisfies readonly (keyof FiringView)[];

/** The group of a rule without `groupBy`. */
const ONLY_GROUP = 'all';

/**
 * Reads one event. An end of the trouble wins over its signs: an event that says both resolves.
 * @throws CodedError InvalidInput that names the expression which cannot be evaluated, such as one for a missing field
 */
export function readEvent(rule: Pick<EventRule, 'when' | 'resolveOn' | 'groupBy'>, event: unknown): EventReading {
  const holds = (field: 'when' | 'resolveOn', condition: string): boolean =>
    booleanOf(evaluateWith('event', conditionSource(condition), { event }, field), condition, field);
  const group = groupOf(rule.groupBy, event);
  const isTrouble = holds('when', rule.when);
  const isResolved = rule.resolveOn === undefined ? !isTrouble : holds('resolveOn', rule.resolveOn);
  return { group, verdict: isResolved ? 'resolved' : isTrouble ? 'trouble' : 'nothing' };
}

function groupOf(groupBy: string | undefined, event: unknown): string {
  if (groupBy === undefined) return ONLY_GROUP;
  const value = evaluateWith('event', conditionSource(groupBy), { event }, 'groupBy');
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new CodedError(
      'InvalidInput',
      `groupBy: "${groupBy}" gives ${JSON.stringify(value)}, but a group is a text, a number or a boolean`,
    );
  }
  const text = String(value);
  if (text.length <= EVENT_RULE_LIMITS.groupChars) return text;
  throw new CodedError('InvalidInput', `groupBy: a name of ${text.length} characters is too long for a group`);
}

/**
 * The events that one look at a metric gives.
 * @throws CodedError InvalidInput when the expression gives neither an event nor a list of events
 */
export function answeredEvents(
  poll: Pick<RulePoll, 'events'>,
  answer: { readonly status: number; readonly body: unknown },
): readonly Record<string, unknown>[] {
  const value = evaluateWith('answer', conditionSource(poll.events), { answer }, 'poll.events');
  return (Array.isArray(value) ? value : [value]).map((event: unknown, i) => {
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return event as Record<string, unknown>;
    throw new CodedError('InvalidInput', `poll.events: event ${i} is no object`);
  });
}

/** The inputs of the runbook for one firing. @throws CodedError InvalidInput that names the expression */
export function firingInputs(rule: Pick<EventRule, 'inputs'>, firing: FiringView): Record<string, unknown> {
  const filled = fill(rule.inputs, (source, where) => evaluateWith('firing', source, { firing }, where), 'inputs');
  return filled as Record<string, unknown>;
}

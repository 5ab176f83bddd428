import { EVENT_RULE_LIMITS, type EventRule } from '@switchyard/contracts';

/*
 * What an event rule knows, as a pure state machine. Times are milliseconds since the epoch, and always given.
 *
 * A group is in one of four states:
 *
 *   (quiet) --trouble--> pending --lasted, and there is room--> firing --run ended--> cooling --quiet time over--> (quiet)
 *                           |                                                            |
 *                           +--resolved--> (quiet)                                       +--trouble since--> pending
 *
 * Invariants, each with a property test:
 * - a group has at most one run under way, and fires at least `cooldown` after its last firing;
 * - it fires only while trouble is known that no firing has answered and that was not resolved;
 * - within any `window` the rule fires at most `count` times;
 * - an event id counts once, as long as it is remembered.
 */

/** What the machine needs of a rule. */
export interface RuleTiming {
  readonly forMs: number;
  readonly cooldownMs: number;
  readonly maxPer: { readonly count: number; readonly windowMs: number } | null;
  /** A polled rule sees the trouble at its looks only: it has lasted when a look says so, never because time passed. */
  readonly isPolled: boolean;
}

/** Trouble that no firing has answered yet. */
export interface Trouble {
  readonly since: number;
  readonly lastSeen: number;
  readonly events: number;
  readonly first: unknown;
  readonly last: unknown;
}

export type Group =
  | { readonly phase: 'pending'; readonly trouble: Trouble }
  | {
      readonly phase: 'firing';
      readonly firedAt: number;
      readonly number: number;
      /** Seen since the firing. */
      readonly trouble: Trouble | null;
    }
  | { readonly phase: 'cooling'; readonly until: number; readonly trouble: Trouble | null };

export interface RuleState {
  readonly groups: Readonly<Record<string, Group>>;
  /** Times of the firings that the window of `maxPer` still holds, oldest first. */
  readonly fired: readonly number[];
  /** How often the rule has fired. */
  readonly firings: number;
  /** Ids of events, oldest first. */
  readonly ids: readonly string[];
}

export const newRuleState: RuleState = { groups: {}, fired: [], firings: 0, ids: [] };

export const timingOf = (rule: EventRule): RuleTiming => ({
  forMs: rule.for,
  cooldownMs: rule.cooldown,
  maxPer: rule.maxPer ? { count: rule.maxPer.count, windowMs: rule.maxPer.window } : null,
  isPolled: rule.poll !== undefined,
});

/** The state that remembers an id, or undefined when it does already: the event was delivered twice. */
export function remember(state: RuleState, id: string): RuleState | undefined {
  if (state.ids.includes(id)) return undefined;
  return { ...state, ids: [...state.ids, id].slice(-EVENT_RULE_LIMITS.rememberedIds) };
}

/** Whether the trouble of a group can be kept: known groups can, others while there are not too many. */
export const hasRoomFor = (state: RuleState, group: string): boolean =>
  Object.hasOwn(state.groups, group) || Object.keys(state.groups).length < EVENT_RULE_LIMITS.groups;

/** An event spoke of the trouble. */
export function troubled(state: RuleState, group: string, event: unknown, now: number): RuleState {
  const known = groupOf(state, group);
  const trouble = more(known?.trouble ?? null, event, now);
  return withGroup(state, group, known ? { ...known, trouble } : { phase: 'pending', trouble });
}

/** The trouble of a group is over: what was pending is forgotten. What runs, and the quiet time after it, stay. */
export function resolved(state: RuleState, group: string): RuleState {
  const known = groupOf(state, group);
  if (!known) return state;
  return known.phase === 'pending' ? withoutGroup(state, group) : withGroup(state, group, { ...known, trouble: null });
}

/** A look at the metric named all groups in trouble: that of every other group is over. */
export function onlyTroubled(state: RuleState, groups: ReadonlySet<string>): RuleState {
  const others = Object.keys(state.groups).filter((group) => !groups.has(group));
  return others.reduce(resolved, state);
}

/** What time alone changes: quiet times that are over, firings that the window holds no longer. */
export function passed(timing: RuleTiming, state: RuleState, now: number): RuleState {
  const over = Object.entries(state.groups).filter(([, group]) => group.phase === 'cooling' && group.until <= now);
  const { maxPer } = timing;
  const fired = maxPer ? state.fired.filter((at) => at > now - maxPer.windowMs) : [];
  return over.reduce<RuleState>(
    (next, [name, { trouble }]) =>
      trouble ? withGroup(next, name, { phase: 'pending', trouble }) : withoutGroup(next, name),
    { ...state, fired },
  );
}

/** The groups that fire now, those with the oldest trouble first; no more than there is room for. Call {@link passed} first. */
export function due(timing: RuleTiming, state: RuleState, now: number): readonly string[] {
  return ready(timing, state, now).slice(0, roomOf(timing, state));
}

/** Until when `maxPer` holds back groups whose trouble has lasted; null when it holds back none. */
export function limitedUntil(timing: RuleTiming, state: RuleState, now: number): number | null {
  const { maxPer } = timing;
  if (!maxPer || ready(timing, state, now).length <= roomOf(timing, state)) return null;
  const oldest = state.fired.at(-maxPer.count);
  return oldest === undefined ? null : oldest + maxPer.windowMs;
}

/** A group fires. @returns the trouble that the firing answers, and its number, from 1 */
export function fire(
  state: RuleState,
  name: string,
  now: number,
): { readonly state: RuleState; readonly trouble: Trouble; readonly number: number } {
  const group = groupOf(state, name);
  if (group?.phase !== 'pending') throw new Error(`group "${name}" is ${group?.phase ?? 'quiet'} and cannot fire`);
  const number = state.firings + 1;
  const next = withGroup(state, name, { phase: 'firing', firedAt: now, number, trouble: null });
  return { state: { ...next, fired: [...state.fired, now], firings: number }, trouble: group.trouble, number };
}

/** The run of a firing has ended: what is left of the quiet time begins. */
export function ended(timing: RuleTiming, state: RuleState, number: number): RuleState {
  const found = Object.entries(state.groups).find(([, group]) => group.phase === 'firing' && group.number === number);
  if (found?.[1].phase !== 'firing') return state;
  const [name, { firedAt, trouble }] = found;
  return withGroup(state, name, { phase: 'cooling', until: firedAt + timing.cooldownMs, trouble });
}

/** Another version of the rule: what the old one took for trouble counts no longer. Runs and quiet times stay. */
export const rewritten = (state: RuleState): RuleState => onlyTroubled(state, new Set());

/** When something happens next by itself, or null. */
export function nextWake(timing: RuleTiming, state: RuleState, now: number): number | null {
  const times = Object.values(state.groups).flatMap((group) => {
    if (group.phase === 'cooling') return [group.until];
    return group.phase === 'pending' && !timing.isPolled ? [group.trouble.since + timing.forMs] : [];
  });
  const later = [...times, limitedUntil(timing, state, now) ?? now].filter((time) => time > now);
  return later.length > 0 ? Math.min(...later) : null;
}

/** When the trouble of a pending group has lasted long enough. */
export const readyAt = (timing: RuleTiming, trouble: Trouble): number => trouble.since + timing.forMs;

function ready(timing: RuleTiming, state: RuleState, now: number): readonly string[] {
  return Object.entries(state.groups)
    .flatMap(([name, group]) => {
      if (group.phase !== 'pending') return [];
      const { trouble } = group;
      return (timing.isPolled ? trouble.lastSeen : now) >= readyAt(timing, trouble) ? [{ name, trouble }] : [];
    })
    .toSorted((a, b) => a.trouble.since - b.trouble.since)
    .map(({ name }) => name);
}

const roomOf = ({ maxPer }: RuleTiming, state: RuleState): number =>
  maxPer ? Math.max(0, maxPer.count - state.fired.length) : Infinity;

function more(trouble: Trouble | null, event: unknown, now: number): Trouble {
  if (!trouble) return { since: now, lastSeen: now, events: 1, first: event, last: event };
  return { ...trouble, lastSeen: now, events: trouble.events + 1, last: event };
}

const groupOf = (state: RuleState, name: string): Group | undefined =>
  Object.hasOwn(state.groups, name) ? state.groups[name] : undefined;

const withGroup = (state: RuleState, name: string, group: Group): RuleState => ({
  ...state,
  groups: { ...state.groups, [name]: group },
});

function withoutGroup(state: RuleState, name: string): RuleState {
  return { ...state, groups: Object.fromEntries(Object.entries(state.groups).filter(([other]) => other !== name)) };
}

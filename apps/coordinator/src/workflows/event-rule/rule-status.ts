import type { EventRule, EventRuleStatus, Firing, RuleGroupStatus } from '@switchyard/contracts';
import { digestOf } from '@switchyard/workflow-kit';
import { limitedUntil, readyAt, timingOf, type Group, type RuleState } from './rule-state.js';

/** What a rule knows, as its status is made from it. */
export interface RuleView {
  readonly rule: EventRule;
  readonly state: RuleState;
  readonly firings: readonly Firing[];
  readonly counts: Pick<EventRuleStatus['counts'], 'events' | 'duplicates' | 'refused'>;
  readonly lastLook: EventRuleStatus['lastLook'];
  readonly isPaused: boolean;
}

/** The answer to the query `rule`. */
export function ruleStatus(view: RuleView, now: number): EventRuleStatus {
  const { rule, state, firings } = view;
  const limit = limitedUntil(timingOf(rule), state, now);
  return {
    name: rule.metadata.name,
    digest: digestOf(rule),
    isPaused: view.isPaused,
    groups: Object.entries(state.groups).map(([name, group]) => groupStatus(rule, name, group, firings)),
    firings: [...firings],
    counts: { ...view.counts, firings: state.firings },
    limitedUntil: limit === null ? null : iso(limit),
    lastLook: view.lastLook,
  };
}

function groupStatus(rule: EventRule, name: string, group: Group, firings: readonly Firing[]): RuleGroupStatus {
  const { phase, trouble } = group;
  const until =
    group.phase === 'pending' ? readyAt(timingOf(rule), group.trouble) : group.phase === 'cooling' ? group.until : null;
  const run = group.phase === 'firing' ? firings.find(({ number }) => number === group.number) : undefined;
  return {
    group: name,
    phase,
    since: trouble ? iso(trouble.since) : null,
    events: trouble?.events ?? 0,
    until: until === null ? null : iso(until),
    runId: run?.runId ?? null,
  };
}

/** One line about the groups, for the status of the run. */
export function groupsInWords({ groups }: RuleState): string {
  const count = (phase: Group['phase']): number =>
    Object.values(groups).filter((group) => group.phase === phase).length;
  const parts = [
    [count('pending'), 'pending'],
    [count('firing'), 'firing'],
    [count('cooling'), 'cooling down'],
  ] as const;
  return (
    parts
      .filter(([number]) => number > 0)
      .map(([number, words]) => `${number} ${words}`)
      .join(', ') || 'quiet'
  );
}

const iso = (ms: number): string => new Date(ms).toISOString();

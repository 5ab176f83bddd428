import type { EventRuleStatus, Firing, RuleGroupStatus } from '@switchyard/contracts';
import { cut, table, type Terminal } from '../terminal.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

/** Where a rule stands, in a few words. */
export function ruleInWords({ isPaused, groups, limitedUntil, lastLook }: EventRuleStatus): string {
  const count = (phase: RuleGroupStatus['phase']): number => groups.filter((group) => group.phase === phase).length;
  const parts = [
    isPaused ? 'paused' : '',
    words(count('pending'), 'pending'),
    words(count('firing'), 'firing'),
    words(count('cooling'), 'cooling down'),
    limitedUntil === null ? '' : `held back by maxPer until ${clock(limitedUntil)}`,
    (lastLook?.problem ?? null) === null ? '' : 'its metric does not answer',
  ].filter((part) => part !== '');
  return parts.join(', ') || 'quiet';
}

/** A rule with its groups and last firings. */
export function renderRule(status: EventRuleStatus, paint: Paint): string[] {
  const { color, width } = paint;
  const { counts, lastLook, groups, firings } = status;
  return [
    `${color.bold(status.name)}: ${ruleInWords(status)}`,
    color.dim(`  ${status.digest}`),
    `  ${counts.events} events, ${counts.duplicates} delivered twice, ${counts.refused} refused, ${counts.firings} firings`,
    ...(lastLook ? [`  last look ${clock(lastLook.at)}: ${lastLook.problem ?? 'answered'}`] : []),
    ...table(groups.map((group) => [paintPhase(group, paint), group.group, groupInWords(group)])).map(
      (line) => `  ${line}`,
    ),
    ...(firings.length > 0 ? ['', color.dim('  last firings')] : []),
    ...table(firings.map((firing) => firingCells(firing, paint))).map((line) => `  ${cut(line, width * 2)}`),
  ];
}

function groupInWords({ phase, since, until, events, runId }: RuleGroupStatus): string {
  const trouble = since === null ? '' : `${events} events since ${clock(since)}`;
  if (phase === 'pending') return `${trouble}, due at ${clock(until ?? '')}`;
  if (phase === 'firing') return [`run ${runId ?? 'is being started'}`, trouble].filter(Boolean).join(', ');
  return [`until ${clock(until ?? '')}`, trouble].filter(Boolean).join(', ');
}

function firingCells({ number, at, group, events, state, runId, error }: Firing, { color }: Paint): string[] {
  const painted = state === 'failed' ? color.red(state) : state === 'succeeded' ? color.green(state) : state;
  const why = error ? `: ${error.code}: ${error.message}` : '';
  return [`${number}`, clock(at), group, `${events} events`, painted, `${runId ?? 'no run'}${why}`];
}

function paintPhase({ phase }: RuleGroupStatus, { color }: Paint): string {
  if (phase === 'pending') return color.yellow('◷ pending');
  return phase === 'firing' ? color.cyan('▶ firing') : color.dim('· cooling');
}

const words = (count: number, what: string): string => (count > 0 ? `${count} ${what}` : '');
const clock = (iso: string): string => iso.slice(0, 19).replace('T', ' ');

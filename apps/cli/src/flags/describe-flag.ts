import type { FlagDefinition } from '@switchyard/flags';

/** What a flag gives, in one line for people: `on for 10 %, else off; 2 rules`. */
export function describeFlag({ defaultVariant, rollout, rules, isEnabled }: FlagDefinition): string {
  if (!isEnabled) return `${defaultVariant}, switched off`;
  const given =
    rollout === null || rollout.percent === 0
      ? defaultVariant
      : rollout.percent === 100
        ? rollout.variant
        : `${rollout.variant} for ${rollout.percent} %, else ${defaultVariant}`;
  if (rules.length === 0) return given;
  return `${given}; ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'} before that`;
}

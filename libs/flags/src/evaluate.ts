import { bucketOf } from './bucket.js';
import type { FlagDefinition, FlagRule, FlagValue } from './definition.js';

/** Why a value was given, in OpenFeature's words. */
export const EVALUATION_REASONS = ['STATIC', 'DEFAULT', 'TARGETING_MATCH', 'SPLIT', 'DISABLED'] as const;
export type EvaluationReason = (typeof EVALUATION_REASONS)[number];

/** Why none could be given, in OpenFeature's words. */
export const EVALUATION_ERRORS = ['TARGETING_KEY_MISSING', 'INVALID_CONTEXT'] as const;
export type EvaluationError = (typeof EVALUATION_ERRORS)[number];

/** Who asks: a targeting key and attributes. */
export type EvaluationContext = Readonly<Record<string, unknown>>;

/** What an evaluation gives. */
export type Evaluation =
  | {
      readonly isResolved: true;
      readonly value: FlagValue;
      readonly variant: string;
      readonly reason: EvaluationReason;
    }
  | { readonly isResolved: false; readonly errorCode: EvaluationError; readonly errorDetails: string };

/**
 * The variant that a caller gets. A targeting key is needed only where the rollout has to draw: at 0 and 100 percent,
 * and where a rule decides, a caller may go without.
 */
export function evaluateFlag(key: string, flag: FlagDefinition, context: EvaluationContext): Evaluation {
  const give = (variant: string, reason: EvaluationReason): Evaluation => {
    const value = flag.variants[variant];
    // The schema of a definition refuses names without a variant.
    if (value === undefined) throw new Error(`flag "${key}" has no variant "${variant}"`);
    return { isResolved: true, value, variant, reason };
  };
  if (!flag.isEnabled) return give(flag.defaultVariant, 'DISABLED');
  const matching = flag.rules.find((rule) => fits(rule, context));
  if (matching) return give(matching.variant, 'TARGETING_MATCH');
  const { rollout } = flag;
  if (rollout === null || rollout.percent === 0) {
    return give(flag.defaultVariant, flag.rules.length === 0 ? 'STATIC' : 'DEFAULT');
  }
  if (rollout.percent === 100) return give(rollout.variant, flag.rules.length === 0 ? 'STATIC' : 'DEFAULT');
  const { targetingKey } = context;
  if (targetingKey === undefined || targetingKey === null || targetingKey === '') {
    return refuse('TARGETING_KEY_MISSING', `flag "${key}" is given by percentage: the context needs a targetingKey`);
  }
  if (typeof targetingKey !== 'string') {
    return refuse('INVALID_CONTEXT', `targetingKey is a ${typeof targetingKey}; it has to be a string`);
  }
  return give(bucketOf(key, targetingKey) < rollout.percent ? rollout.variant : flag.defaultVariant, 'SPLIT');
}

const refuse = (errorCode: EvaluationError, errorDetails: string): Evaluation => ({
  isResolved: false,
  errorCode,
  errorDetails,
});

function fits(rule: FlagRule, context: EvaluationContext): boolean {
  if (!Object.hasOwn(context, rule.attribute)) return false;
  const value = context[rule.attribute];
  return 'equals' in rule ? value === rule.equals : rule.in.some((one) => one === value);
}

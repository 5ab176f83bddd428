import { z } from 'zod';
import { eventRuleSchema } from './inputs/event-rule.js';
import { senderSchema } from './messages.js';

/** Signals of EventRuleWorkflow beside those of every run. */
export const EVENT_RULE_SIGNALS = {
  /** An event; its payload is `ruleEventSchema`. */
  event: 'event',
} as const;

/** Updates that an event rule answers beside those of every run. */
export const EVENT_RULE_UPDATES = {
  /** Puts another version of the rule in force. Groups that are pending begin anew; firings and quiet times stay. */
  apply: z.strictObject({ rule: eventRuleSchema, by: senderSchema.optional() }),
  /** Ends the rule. Runs that it has started go on. */
  delete: z.strictObject({ reason: z.string().default(''), by: senderSchema.optional() }),
} as const;

/** Queries that an event rule answers beside `status`. */
export const EVENT_RULE_QUERIES = {
  /** Groups, firings and counts: `eventRuleStatusSchema`. */
  rule: 'rule',
} as const;

/** The workflow id of the rule of a name: one rule per name. */
export const eventRuleId = (name: string): string => `rule-${name}`;

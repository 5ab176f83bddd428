import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';
import { runbookSchema } from './runbook.js';

/** What bounds the memory of a rule: all of it travels in one payload when the rule continues as new. */
export const EVENT_RULE_LIMITS = {
  /** Groups that are pending, firing or cooling down at once. */
  groups: 128,
  /** Characters of JSON of one event. */
  eventChars: 4_096,
  groupChars: 200,
  idChars: 200,
  /** Ids of events that are remembered, newest first: an event that comes again after that many others counts anew. */
  rememberedIds: 1_000,
  /** Firings that the rule still tells of. */
  rememberedFirings: 50,
} as const;

/** How a rule looks at a metric by itself. */
export const rulePollSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(z.string(), z.union([z.string(), secretRefSchema])).default({}),
  every: durationSchema
    .refine((ms) => ms >= 1_000, 'must be at least 1s')
    .default(30_000)
    .meta({ description: 'Time between two looks; 30s' }),
  timeout: durationSchema.default(10_000).meta({ description: 'Longest time of one look; 10s' }),
  events: z.string().min(1).default('answer.body').meta({
    description: 'CEL over `answer` (status, body): the event of this look, or a list with one event per group',
  }),
});
export type RulePoll = z.output<typeof rulePollSchema>;

const ruleShape = {
  apiVersion: z.literal('switchyard.dev/v1'),
  kind: z.literal('EventRule'),
  metadata: z.strictObject({
    name: z
      .string()
      .regex(
        /^[A-Za-z][\w-]{0,62}$/,
        'must start with a letter and hold letters, digits, dashes and underscores (at most 63)',
      ),
    description: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  poll: rulePollSchema.optional().meta({
    description: 'A metric that the rule looks at by itself; without it events come by the signal `event`',
  }),
  when: z.string().min(1).meta({ description: 'CEL over `event`: whether an event speaks of the trouble' }),
  resolveOn: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'CEL over `event`: whether the trouble is over; default: `when` is false' }),
  groupBy: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'CEL over `event`: a text, number or boolean that names the group; default: one group' }),
  for: durationSchema.default(0).meta({ description: 'How long the trouble must last; default: it fires at once' }),
  cooldown: durationSchema
    .default(300_000)
    .meta({ description: 'Quiet time of a group, from its firing on; default 5m' }),
  maxPer: z
    .strictObject({
      count: z.number().int().min(1).max(100),
      window: durationSchema.refine((ms) => ms > 0, 'must be longer than 0'),
    })
    .optional()
    .meta({ description: 'Most firings of the whole rule within a window; others wait until there is room' }),
  inputs: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description: 'Inputs of the runbook; `${{ }}` holds CEL over `firing`' }),
};

/** A rule as it travels: its runbook is in it, so that a firing never changes under an edit of a file. */
export const eventRuleSchema = z.strictObject({ ...ruleShape, runbook: runbookSchema });
export type EventRule = z.output<typeof eventRuleSchema>;

/** A rule as it is written in a file: the runbook may be the path of another file, from the place of this one. */
export const eventRuleFileSchema = z.strictObject({
  ...ruleShape,
  runbook: z.union([z.string().min(1), runbookSchema]),
});
export type EventRuleFile = z.output<typeof eventRuleFileSchema>;

/** Input of EventRuleWorkflow. */
export const eventRuleInputSchema = z.strictObject({ rule: eventRuleSchema });
export type EventRuleInput = z.output<typeof eventRuleInputSchema>;

/** Payload of the signal `event`. */
export const ruleEventSchema = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(EVENT_RULE_LIMITS.idChars)
    .meta({ description: 'The same for every delivery of one event: a second one counts for nothing' }),
  data: z
    .record(z.string(), z.unknown())
    .refine((data) => JSON.stringify(data).length <= EVENT_RULE_LIMITS.eventChars, 'is longer than 4,096 characters')
    .meta({ description: 'What `event` is in the expressions of the rule' }),
});
export type RuleEvent = z.output<typeof ruleEventSchema>;

export const RULE_GROUP_PHASES = ['pending', 'firing', 'cooling'] as const;
export const FIRING_STATES = ['running', 'succeeded', 'failed', 'unknown'] as const;

/** One firing of a rule: one run of its runbook, for all events of one group since the last one. */
export const firingSchema = z.object({
  number: z.number().int(),
  group: z.string(),
  /** Events that it answers. */
  events: z.number().int(),
  since: z.string(),
  at: z.string(),
  /** The run; null when none could be started. */
  runId: z.string().nullable(),
  /** `unknown`: the run was under way when the rule had to continue as new; look at the run. */
  state: z.enum(FIRING_STATES),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Firing = z.output<typeof firingSchema>;

export const ruleGroupStatusSchema = z.object({
  group: z.string(),
  phase: z.enum(RULE_GROUP_PHASES),
  /** Since when the trouble lasts; null for a group that is quiet since its firing. */
  since: z.string().nullable(),
  /** Events of the trouble that no firing has answered yet. */
  events: z.number().int(),
  /** When a pending group may fire, or a cooling one is quiet no longer; null while its run is under way. */
  until: z.string().nullable(),
  runId: z.string().nullable(),
});
export type RuleGroupStatus = z.output<typeof ruleGroupStatusSchema>;

/** The answer to the query `rule`. */
export const eventRuleStatusSchema = z.object({
  name: z.string(),
  /** Digest of the rule in force, its runbook in it. */
  digest: z.string(),
  isPaused: z.boolean(),
  groups: z.array(ruleGroupStatusSchema),
  /** Newest first. */
  firings: z.array(firingSchema),
  counts: z.object({
    /** Events taken, duplicates and refused ones not counted; for a polled rule those of all looks. */
    events: z.number().int(),
    duplicates: z.number().int(),
    refused: z.number().int(),
    firings: z.number().int(),
  }),
  /** While `maxPer` holds back every firing: until when. */
  limitedUntil: z.string().nullable(),
  /** Of the last look at the metric; null for a rule without `poll`, and before the first look. */
  lastLook: z.object({ at: z.string(), problem: z.string().nullable() }).nullable(),
});
export type EventRuleStatus = z.output<typeof eventRuleStatusSchema>;

/** Result of EventRuleWorkflow, which ends when the rule is deleted. */
export const eventRuleResultSchema = z.object({ runId: z.string(), firings: z.number().int() });
export type EventRuleResult = z.output<typeof eventRuleResultSchema>;

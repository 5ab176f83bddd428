import { z } from 'zod';

const name = z.string();
const result = z.record(z.string(), z.unknown()).default({});

const envelope = { v: z.literal(1), seq: z.number().int().positive(), ts: z.number() };
const ofTask = { task: name, task_id: z.string(), path: z.string().nullish(), action: z.string().default('') };
const ofResult = { ...envelope, ...ofTask, host: name, changed: z.boolean().default(false), res: result };

const counts = z.object({
  ok: z.number().int().default(0),
  failures: z.number().int().default(0),
  unreachable: z.number().int().default(0),
  changed: z.number().int().default(0),
  skipped: z.number().int().default(0),
  rescued: z.number().int().default(0),
  ignored: z.number().int().default(0),
});

/** One line of the callback plugin (`plugins/switchyard_events.py`), version 1. */
export const pluginEventSchema = z.discriminatedUnion('ev', [
  z.object({ ...envelope, ev: z.literal('playbook_start'), file: z.string(), core: z.string() }),
  z.object({ ...envelope, ev: z.literal('hosts'), names: z.array(name) }),
  z.object({
    ...envelope,
    ev: z.literal('plan'),
    total: z.number().int(),
    plays: z.array(
      z.object({ name, pattern: z.string(), hosts: z.number().int().nullable(), tasks: z.number().int().nullish() }),
    ),
    groups: z.string(),
    reasons: z.array(z.string()),
    split: z.boolean(),
  }),
  z.object({ ...envelope, ev: z.literal('plan_failed'), message: z.string() }),
  z.object({
    ...envelope,
    ev: z.literal('strayed'),
    hosts: z.array(name),
    count: z.number().int(),
    message: z.string().nullish(),
  }),
  z.object({ ...envelope, ev: z.literal('play_start'), play: name, play_id: z.string(), pattern: z.string() }),
  z.object({ ...envelope, ev: z.literal('no_hosts_matched') }),
  z.object({ ...envelope, ev: z.literal('no_hosts_remaining') }),
  z.object({ ...envelope, ...ofTask, ev: z.literal('task_start') }),
  z.object({ ...envelope, ...ofTask, ev: z.literal('handler_start') }),
  z.object({ ...envelope, ev: z.literal('include'), file: z.string(), hosts: z.array(name), count: z.number().int() }),
  z.object({ ...envelope, ev: z.literal('host_start'), host: name, task: name, task_id: z.string() }),
  z.object({ ...ofResult, ev: z.enum(['item_ok', 'item_failed', 'item_skipped']), item: z.string().nullish() }),
  z.object({ ...ofResult, ev: z.literal('retry'), attempt_no: z.number().nullish(), retries: z.number().nullish() }),
  z.object({ ...ofResult, ev: z.literal('async_poll'), job: z.string() }),
  z.object({ ...ofResult, ev: z.enum(['async_ok', 'async_failed', 'ok', 'skipped']) }),
  z.object({ ...ofResult, ev: z.enum(['failed', 'unreachable']), ignored: z.boolean().default(false) }),
  z.object({ ...envelope, ev: z.literal('host_done'), host: name }),
  z.object({ ...envelope, ev: z.literal('host_stats'), hosts: z.record(z.string(), counts) }),
  z.object({ ...envelope, ev: z.literal('stats'), count: z.number().int() }),
]);

export type PluginEvent = z.output<typeof pluginEventSchema>;
/** The events of one or several names. */
export type PluginEventOf<E extends PluginEvent['ev']> = PluginEvent extends infer P
  ? P extends { ev: infer N }
    ? E & N extends never
      ? never
      : P
    : never
  : never;
/** An event that carries the result of a task on one host. */
export type TaskResultEvent = Extract<PluginEvent, { res: unknown }>;

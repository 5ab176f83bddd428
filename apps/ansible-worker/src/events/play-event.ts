import type { NewEventInput } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { capResult } from './cap-result.js';
import type { PluginEvent, TaskResultEvent } from './plugin-event.js';

/** The part of a run's event that a plugin event decides; the rest is the same for all events of a process. */
export type PlayEvent = Pick<NewEventInput, 'type' | 'level' | 'subject' | 'message' | 'data' | 'at'> & {
  type: string;
};

const WORDS: Readonly<
  Record<TaskResultEvent['ev'], readonly [type: string, word: string, level: NewEventInput['level']]>
> = {
  ok: ['host_ok', 'ok', 'info'],
  skipped: ['host_skipped', 'skipped', 'info'],
  failed: ['host_failed', 'failed', 'error'],
  unreachable: ['host_unreachable', 'unreachable', 'error'],
  item_ok: ['item_ok', 'ok', 'debug'],
  item_failed: ['item_failed', 'failed', 'warning'],
  item_skipped: ['item_skipped', 'skipped', 'debug'],
  retry: ['task_retry', 'tries again', 'warning'],
  async_poll: ['async_poll', 'still working', 'debug'],
  async_ok: ['async_ok', 'background job ended', 'debug'],
  async_failed: ['async_failed', 'background job failed', 'warning'],
};

function ofResult(event: TaskResultEvent, masker: Masker): Omit<PlayEvent, 'at'> {
  const [type, plainWord, plainLevel] = WORDS[event.ev];
  const isIgnored = 'ignored' in event && event.ignored;
  const word = event.ev === 'ok' && event.changed ? 'changed' : isIgnored ? `${plainWord} (ignored)` : plainWord;
  const item = 'item' in event && typeof event.item === 'string' ? ` (item ${event.item})` : '';
  const msg = event.res['msg'];
  const why =
    plainLevel === 'error' || event.ev === 'item_failed'
      ? typeof msg === 'string'
        ? `: ${msg.split('\n')[0]?.slice(0, 300) ?? ''}`
        : ''
      : '';
  return {
    type,
    level: isIgnored ? 'warning' : plainLevel,
    subject: event.host,
    message: `${event.host}: ${word}: ${event.task}${item}${why}`,
    data: {
      task: event.task,
      ...(event.path ? { path: event.path } : {}),
      action: event.action,
      changed: event.changed,
      ...(isIgnored ? { ignored: true } : {}),
      ...('item' in event && typeof event.item === 'string' ? { item: event.item } : {}),
      ...(event.ev === 'retry' ? { attempt: event.attempt_no, retries: event.retries } : {}),
      result: capResult(event.res, masker),
    },
  };
}

function ofOther(event: Exclude<PluginEvent, TaskResultEvent>): Omit<PlayEvent, 'at'> | undefined {
  const plain = { level: 'info', subject: null, data: {} } as const;
  switch (event.ev) {
    case 'playbook_start':
      return { ...plain, type: 'playbook_start', message: `ansible-core ${event.core}`, data: { core: event.core } };
    case 'plan': {
      const { total, plays, reasons, split } = event;
      const message = `${total} host${total === 1 ? '' : 's'} in ${plays.length} play${plays.length === 1 ? '' : 's'}`;
      return { ...plain, type: 'plan', message, data: { total, plays: plays.slice(0, 100), reasons, split } };
    }
    case 'plan_failed':
      return {
        ...plain,
        type: 'plan_failed',
        level: 'warning',
        message: `hosts could not be named beforehand: ${event.message}`,
      };
    case 'play_start':
      return {
        ...plain,
        type: 'play_start',
        message: `play: ${event.play}`,
        data: { play: event.play, pattern: event.pattern },
      };
    case 'no_hosts_matched':
      return { ...plain, type: 'no_hosts_matched', level: 'warning', message: 'the play matches no host' };
    case 'no_hosts_remaining':
      return {
        ...plain,
        type: 'no_hosts_remaining',
        level: 'warning',
        message: 'no host is left for the rest of the play',
      };
    case 'task_start':
    case 'handler_start': {
      const data = { task: event.task, ...(event.path ? { path: event.path } : {}), action: event.action };
      const what = event.ev === 'task_start' ? 'task' : 'handler';
      return { ...plain, type: event.ev, message: `${what}: ${event.task}`, data };
    }
    case 'include':
      return {
        ...plain,
        type: 'include',
        level: 'debug',
        message: `included ${event.file} for ${event.count} hosts`,
        data: { file: event.file },
      };
    case 'stats':
      return { ...plain, type: 'stats', message: `final results of ${event.count} hosts` };
    default:
      return undefined;
  }
}

/** What an event of the plugin is in the run's events; undefined for those that only the verdict needs. */
export function playEvent(event: PluginEvent, masker: Masker): PlayEvent | undefined {
  const made = 'res' in event ? ofResult(event, masker) : ofOther(event);
  return made && { ...made, message: made.message.slice(0, 2_000), at: new Date(event.ts * 1_000).toISOString() };
}

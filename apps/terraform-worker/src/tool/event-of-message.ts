import type { NewEventInput } from '@switchyard/contracts';
import { shownDiagnostic, type ToolCommand } from './diagnose.js';
import { cut } from './text-limits.js';
import type { UiMessage } from './ui-message.js';

/** What an event needs beside the message. */
export type ToolEvent = Pick<NewEventInput, 'type' | 'level' | 'subject' | 'message' | 'data' | 'at'>;

/** Said at every command, or once more per resource: nothing that a person looks for. */
const NOT_TOLD = new Set(['version', 'refresh_start', 'outputs']);

const LEVEL: Readonly<Record<string, NewEventInput['level']>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
};

/** Turns a message of the tool into an event; undefined for what is not worth one. */
export function eventOfMessage(message: UiMessage, command: ToolCommand, now: string): ToolEvent | undefined {
  if (NOT_TOLD.has(message.type)) return undefined;
  const { hook, change, diagnostic, changes } = message;
  const text = message['@message'].trim();
  return {
    type: message.type,
    level: message.type.endsWith('_errored') ? 'error' : (LEVEL[message['@level']] ?? 'info'),
    subject: hook?.resource?.addr ?? change?.resource.addr ?? diagnostic?.address ?? null,
    message: cut(text),
    data: {
      command,
      ...(hook?.action === undefined ? {} : { action: hook.action }),
      ...(hook?.elapsed_seconds === undefined ? {} : { elapsedSeconds: hook.elapsed_seconds }),
      ...(hook?.id_value === undefined ? {} : { idKey: hook.id_key ?? 'id', id: hook.id_value }),
      ...(hook?.provisioner === undefined ? {} : { provisioner: hook.provisioner }),
      ...(change === undefined ? {} : { action: change.action, reason: change.reason ?? null }),
      ...(changes === undefined ? {} : { changes }),
      ...(diagnostic === undefined ? {} : { diagnostic: shownDiagnostic(diagnostic) }),
    },
    // The tool's own clock may give seconds only, or nanoseconds: the worker's is the one that orders events.
    at: now,
  };
}

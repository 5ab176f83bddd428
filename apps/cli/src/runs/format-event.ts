import type { StoredEvent } from '@switchyard/contracts';
import type { Terminal } from '../terminal.js';

/** Type of events that hold a line as a tool printed it; what it means is an event of its own beside it. */
export const RAW_LINE = 'line';

/** An event as one line for people: time, where, message. */
export function formatEvent(event: StoredEvent, color: Terminal['color']): string {
  const time = color.dim(event.at.slice(11, 23));
  const place = [event.step, event.subject].filter((part) => part !== null && part !== '').join(' ');
  const text =
    event.level === 'error'
      ? color.red(event.message)
      : event.level === 'warning'
        ? color.yellow(event.message)
        : event.message;
  return `${time} ${color.cyan(event.source.padEnd(9))} ${place ? `${color.dim(`[${place}]`)} ` : ''}${text}`;
}

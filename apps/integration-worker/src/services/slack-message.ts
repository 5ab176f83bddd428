import type { NotifyInput } from '@switchyard/contracts';

/** A message as chat.postMessage and incoming webhooks take it. */
export interface SlackMessage {
  readonly text: string;
  readonly blocks?: readonly Readonly<Record<string, unknown>>[];
}

/** Limits of Block Kit, in characters and fields. */
const MOST_SECTION = 3_000;
const MOST_FIELD = 2_000;
const MOST_FIELDS = 10;
/** Blocks of one message. */
const MOST_BLOCKS = 50;

/**
 * The text, with its fields as a table below. The text may use the markup of Slack; fields are data and are shown as
 * they are. What is too long is cut.
 */
export function messageOf({ text, fields }: Pick<NotifyInput, 'text' | 'fields'>): SlackMessage {
  const entries = Object.entries(fields);
  if (entries.length === 0) return { text };
  const cells = entries.map(([name, value]) => ({
    type: 'mrkdwn',
    text: cut(`*${escaped(name)}*\n${escaped(typeof value === 'string' ? value : JSON.stringify(value))}`, MOST_FIELD),
  }));
  const tables = Array.from({ length: Math.ceil(cells.length / MOST_FIELDS) }, (_, index) => ({
    type: 'section',
    fields: cells.slice(index * MOST_FIELDS, (index + 1) * MOST_FIELDS),
  }));
  const head = { type: 'section', text: { type: 'mrkdwn', text: cut(text, MOST_SECTION) } };
  return { text, blocks: [head, ...tables].slice(0, MOST_BLOCKS) };
}

/** The three characters that Slack gives a meaning: a value could otherwise call the whole channel. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

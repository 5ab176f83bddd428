import pc from 'picocolors';

/** Where a command writes. Human text goes to `say`; the one machine-readable result goes to `json`. */
export interface Terminal {
  readonly isJson: boolean;
  /** Whether lines may be redrawn in place: a real terminal, and not in CI. */
  readonly isLive: boolean;
  readonly width: number;
  readonly color: ReturnType<typeof pc.createColors>;
  /** A line for people; nothing with --json, where the result alone is printed. */
  say(line: string): void;
  /** A line about progress or trouble, on standard error, also with --json. */
  note(line: string): void;
  /** The result for programs; printed only with --json. */
  json(value: unknown): void;
  write(text: string): void;
}

/** The terminal of this process. */
export function openTerminal(options: { json: boolean; env?: NodeJS.ProcessEnv }): Terminal {
  const env = options.env ?? process.env;
  // Undefined, whatever its type says, where standard output is no terminal; and picocolors takes undefined for "find out".
  const isTerminal = (process.stdout.isTTY as boolean | undefined) ?? false;
  const isLive = isTerminal && !options.json && !env['CI'] && env['TERM'] !== 'dumb';
  const line = (stream: NodeJS.WriteStream, text: string): void => void stream.write(`${text}\n`);
  return {
    isJson: options.json,
    isLive,
    width: process.stdout.columns || 100,
    color: pc.createColors(isTerminal && !env['NO_COLOR'] && !options.json),
    say: (text) => {
      if (!options.json) line(process.stdout, text);
    },
    note: (text) => line(process.stderr, text),
    json: (value) => {
      if (options.json) line(process.stdout, JSON.stringify(value));
    },
    write: (text) => void process.stdout.write(text),
  };
}

/** Columns of text, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, visibleLength(cell))));
  return rows.map((row) =>
    `${indent}${row.map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - visibleLength(cell)))).join('  ')}`.trimEnd(),
  );
}

// eslint-disable-next-line no-control-regex -- colours are control sequences
const COLOR = /\u001B\[[0-9;]*m/g;

/** Length without colour sequences. */
export function visibleLength(text: string): number {
  return text.replaceAll(COLOR, '').length;
}

/** A text cut to a width, with a mark where something was left out. */
export function cut(text: string, width: number): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return line.length <= width ? line : `${line.slice(0, Math.max(1, width - 1))}…`;
}

/**
 * A text in lines of at most `width`, broken between words. The first line begins with `indent`, the others with `hang`
 * (default: the same). A word that is longer than a line stands alone on one.
 */
export function wrap(text: string, width: number, indent: string, hang = indent): string[] {
  const lines: string[] = [];
  let line = indent;
  let isEmpty = true;
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (!isEmpty && visibleLength(line) + 1 + visibleLength(word) > width) {
      lines.push(line);
      line = hang;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

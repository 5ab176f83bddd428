import type { Terminal } from '../terminal.js';
import { visibleLength } from '../terminal.js';

/** Lines that are redrawn in place on a real terminal; elsewhere only what `log` gives is printed. */
export interface LiveTable {
  /** Redraws the lines. Does nothing without a real terminal. */
  draw(lines: readonly string[]): void;
  /** Prints a line above the table, for good. */
  log(line: string): void;
  /** Leaves the last drawing where it is. */
  end(): void;
}

/** Starts a live table at the place of the cursor. */
export function liveTable(terminal: Terminal): LiveTable {
  let drawn: readonly string[] = [];
  const rowsOf = (line: string): number => Math.max(1, Math.ceil(visibleLength(line) / terminal.width));
  const erase = (): string => {
    const rows = drawn.reduce((sum, line) => sum + rowsOf(line), 0);
    return rows === 0 ? '' : `\u001B[${rows}A\u001B[0J`;
  };
  return {
    draw(lines) {
      if (!terminal.isLive) return;
      terminal.write(`${erase()}${lines.join('\n')}\n`);
      drawn = lines;
    },
    log(line) {
      if (terminal.isJson) return terminal.note(line);
      if (!terminal.isLive) return terminal.say(line);
      terminal.write(`${erase()}${line}\n${drawn.length > 0 ? `${drawn.join('\n')}\n` : ''}`);
    },
    end() {
      drawn = [];
    },
  };
}

import { describe, expect, it } from 'vitest';
import { isAtOrBelow, markerIn, parseStat } from './process-table.js';

describe('parseStat', () => {
  const rest = '2 3 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0';

  it('reads a program whose name holds spaces and parentheses', () => {
    expect(parseStat(`12 (a) b (c)) S ${rest}`)).toEqual({
      pid: 12,
      name: 'a) b (c)',
      parent: 2,
      group: 3,
      session: 4,
      startTime: 777,
    });
  });

  it('takes a zombie for ended', () => {
    expect(parseStat(`12 (x) Z ${rest}`)).toBeUndefined();
  });
});

describe('markers', () => {
  const environ = (...entries: string[]): Buffer => Buffer.from(entries.map((entry) => `${entry}\0`).join(''));

  it('are found at any place of an environment, and under their own name only', () => {
    expect(markerIn(environ('A=1', 'SWITCHYARD_RUN=run/step/1'))).toBe('run/step/1');
    expect(markerIn(environ('SWITCHYARD_RUN=run', 'B=2'))).toBe('run');
    expect(markerIn(Buffer.from('SWITCHYARD_RUN=cut'))).toBe('cut');
    expect(markerIn(environ('MY_SWITCHYARD_RUN=run', 'A=SWITCHYARD_RUN=run'))).toBeUndefined();
  });

  it('include those below them, and do not take attempt 10 for attempt 1', () => {
    expect(isAtOrBelow('run/step/1', 'run/step/1')).toBe(true);
    expect(isAtOrBelow('run/step/1', 'run')).toBe(true);
    expect(isAtOrBelow('run/step/10', 'run/step/1')).toBe(false);
  });
});

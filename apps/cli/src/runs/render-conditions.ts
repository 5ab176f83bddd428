import type { Condition } from '@switchyard/contracts';
import { cut, table, type Terminal } from '../terminal.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

const MARKS: Readonly<Record<Condition['state'], string>> = { pass: '✓', fail: '✗', pending: '◷', unknown: '?' };

const painted = ({ state }: Condition, { color }: Paint): string => {
  const text = `${MARKS[state]} ${state}`;
  return state === 'pass' ? color.green(text) : state === 'pending' ? color.yellow(text) : color.red(text);
};

/** Columns that a table of conditions takes besides names and words: marks, gaps, the indent. */
const FRAME = 4 + 9 + 3 * 2;
const WIDEST_NAME = 44;

/** The conditions of a gate as a table: state, name, required, observed. What does not hold comes first. */
export function renderConditions(conditions: readonly Condition[], paint: Paint): string[] {
  const { color, width } = paint;
  const sorted = [...conditions].toSorted((a, b) => Number(a.state === 'pass') - Number(b.state === 'pass'));
  const required = Math.max(8, ...sorted.map((condition) => condition.required.length));
  const name = Math.min(WIDEST_NAME, Math.max(20, width - FRAME - required - 14));
  const observed = Math.max(12, width - FRAME - required - name);
  return table(
    [
      ['state', 'condition', 'required', 'observed'].map(color.dim),
      ...sorted.map((condition) => [
        painted(condition, paint),
        cut(condition.name, name),
        condition.required,
        cut(condition.observed, observed),
      ]),
    ],
    '    ',
  );
}

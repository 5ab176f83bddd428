import type { Condition, GateStatus } from '@switchyard/contracts';
import { cut, table, wrap, type Terminal } from '../terminal.js';

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

/** One line that says where a gate stands. */
export function gateHeadline({ name, state, conditions, decisions, required }: GateStatus, { color }: Paint): string {
  const failing = conditions.filter((condition) => condition.state !== 'pass').length;
  const words = {
    open: color.yellow(`open, ${decisions.length} of ${required} decided`),
    closed:
      conditions.length === 0
        ? 'closed, nothing was seen yet'
        : color.yellow(`closed, ${failing} of ${conditions.length} conditions do not hold`),
    approved: color.green('approved'),
    rejected: color.red('rejected'),
    expired: color.red('expired'),
  }[state];
  return `  ${color.bold(`Gate ${name}`)}: ${words}`;
}

/** A gate with all that it shows: what would come after it, its conditions, who decided what. */
export function renderChangeGate(gate: GateStatus, paint: Paint): string[] {
  const { color, width } = paint;
  return [
    gateHeadline(gate, paint),
    ...wrap(gate.title, width, '    '),
    ...gate.shown.flatMap((line) => wrap(line, width, '    ', '      ').map(color.dim)),
    ...(gate.conditions.length > 0 ? renderConditions(gate.conditions, paint) : []),
    ...gate.decisions.flatMap(({ decision, by, channel, at, reason }) =>
      wrap(
        `${decision === 'approve' ? 'approved' : 'rejected'} by ${by} (${channel}) at ${at.slice(0, 19)}Z${reason === '' ? '' : `: ${reason}`}`,
        width,
        '    ',
        '      ',
      ),
    ),
    ...(gate.evidence === '' ? [] : [color.dim(`    evidence ${gate.evidence}`)]),
  ];
}

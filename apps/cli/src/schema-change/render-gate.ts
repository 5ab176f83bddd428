import type { GateStatus } from '@switchyard/contracts';
import { renderFields, renderPeople } from '../runs/render-approval.js';
import { renderConditions } from '../runs/render-conditions.js';
import { wrap, type Terminal } from '../terminal.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

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
    ...renderPeople(gate, paint),
    ...renderFields(gate),
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

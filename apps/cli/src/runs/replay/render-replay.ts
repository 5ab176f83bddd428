import { cut, type Terminal } from '../../terminal.js';
import type { ReplayedExecution } from './replay-run.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

/** One replayed execution as lines: what happened up to where today's code goes another way. */
export function renderExecution(execution: ReplayedExecution, { color, width }: Paint): string[] {
  const { type, workflowId, depth, told, difference, outcome, reason, events } = execution;
  const indent = '  '.repeat(depth);
  const shown = difference ? told.filter(({ id }) => id <= difference.event) : told;
  return [
    `${indent}${color.bold(workflowId)} ${color.dim(type)}`,
    ...shown.map(({ id, atMs, text }) => {
      const mark = difference?.event === id ? '✗' : ' ';
      const line = `${indent}${mark} ${String(id).padStart(5)}  ${`+${(atMs / 1_000).toFixed(2)} s`.padStart(10)}  `;
      return `${line}${cut(text, Math.max(20, width - line.length))}`;
    }),
    ...(difference
      ? [
          color.red(`${indent}  differs at event ${difference.event} (${difference.name}) of ${events}`),
          `${indent}  ${difference.message}`,
        ]
      : []),
    ...(outcome === 'left-out' ? [color.yellow(`${indent}  left out: ${reason}`)] : []),
  ];
}

/** The last line: what all of it came to. */
export function replayVerdict(executions: readonly Omit<ReplayedExecution, 'told'>[]): string {
  const [different] = executions.filter(({ outcome }) => outcome === 'differs');
  const leftOut = executions.filter(({ outcome }) => outcome === 'left-out').length;
  const replayed = executions.filter(({ outcome }) => outcome !== 'left-out');
  const events = replayed.reduce((sum, one) => sum + one.events, 0);
  const rest = leftOut > 0 ? `; ${leftOut} workflow${leftOut === 1 ? '' : 's'} left out` : '';
  if (different?.difference)
    return `${different.workflowId} differs at event ${different.difference.event} (${different.difference.name})${rest}`;
  return replayed.length === 0 ? `nothing was replayed${rest}` : `replayed ${events} events, deterministic${rest}`;
}

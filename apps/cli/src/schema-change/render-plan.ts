import { formatDuration, type SchemaChangePlanResult } from '@switchyard/contracts';
import { wrap, type Terminal } from '../terminal.js';
import type { ShownPlan } from './answers.js';
import { formatBytes, formatCount } from './figures.js';

type Paint = Pick<Terminal, 'color' | 'width'>;
type Step = ShownPlan['steps'][number];

/** Options of {@link renderPlan}. */
export interface PlanView {
  readonly digest: string | null;
  /** Show the statements, too. */
  readonly sql: boolean;
}

/** A plan as lines: the whole first, then each step with its locks, its cost and its way back. */
export function renderPlan(plan: ShownPlan, { digest, sql }: PlanView, paint: Paint): string[] {
  const { color } = paint;
  const { total, basis } = plan;
  const where = plan.strategy === 'table' ? `${plan.table} to ${plan.newTable}` : plan.table;
  const lines = [
    `${color.bold(plan.change)}: ${where} in ${plan.database}`,
    ...wrap(
      `about ${formatCount(basis.rows)} rows, ${seconds(total.seconds)} of work, ${formatBytes(total.walBytes)} of WAL, ${formatBytes(total.diskBytes)} more disk; nobody is kept out for longer than ${formatDuration(plan.longestExclusiveMs)} at once`,
      paint.width,
      '  ',
    ),
  ];
  if (digest !== null) lines.push(color.dim(`  plan ${digest}`));
  let phase = '';
  for (const step of plan.steps) {
    if (step.phase !== phase) lines.push('', color.bold(step.phase));
    phase = step.phase;
    lines.push(...renderStep(step, paint));
    if (sql)
      for (const text of step.sql)
        lines.push(...text.split('\n').map((line) => color.cyan(`      ${line}`)), color.dim('      ;'));
  }
  lines.push('', ...wrap(`${ESTIMATES} ${basisWords(basis)}`, paint.width, '').map((line) => color.dim(line)));
  return lines;
}

const ESTIMATES =
  '↩ can be undone, ✗ cannot. Times and sizes are estimates from statistics: read them as orders of magnitude.';

const basisWords = ({ rowBytes, secondaryIndexes, hot }: ShownPlan['basis']): string =>
  `They rest on rows of ${rowBytes} bytes, ${secondaryIndexes} secondary ${secondaryIndexes === 1 ? 'index' : 'indexes'}, and ${hot === 1 ? 'room' : 'no room'} for the new version of a row in its page.`;

function renderStep({ title, locks, estimate, reversible, undo }: Step, { color, width }: Paint): string[] {
  const cost = [
    ...(estimate.rows > 0 ? [`${formatCount(estimate.rows)} rows`] : []),
    ...(estimate.seconds > 0 ? [seconds(estimate.seconds)] : []),
    ...(estimate.walBytes > 0 ? [`${formatBytes(estimate.walBytes)} WAL`] : []),
    ...(estimate.diskBytes > 0 ? [`${formatBytes(estimate.diskBytes)} disk`] : []),
  ].join(', ');
  return [
    ...wrap(`${reversible ? '↩' : color.red('✗')} ${title}`, width, '  ', '    '),
    ...(cost === '' ? [] : wrap(cost, width, '      cost ', '           ').map(color.dim)),
    ...locks.flatMap((lock) => wrap(lockWords(lock), width, '      lock ', '           ').map(color.dim)),
    ...wrap(reversible ? undo : `none: ${undo}`, width, '      back ', '           ').map(color.dim),
  ];
}

const HOLDS = { moment: 'a moment', chunk: 'a chunk', step: 'the whole step' } as const;

function lockWords({ mode, relation, hold, expectedMs, blocks }: Step['locks'][number]): string {
  return `${mode} on ${relation} for ${HOLDS[hold]}, about ${formatDuration(expectedMs)}; blocks ${blocks}`;
}

const seconds = (value: number): string => formatDuration(value * 1000);

/** What preflight found: obstacles first, each with what to do about it. */
export function renderFindings(findings: SchemaChangePlanResult['findings'], { color, width }: Paint): string[] {
  const sorted = findings.toSorted((a, b) => a.level.localeCompare(b.level));
  return sorted.flatMap(({ level, subject, message, fix }) => {
    const mark = level === 'obstacle' ? color.red('✗ obstacle,') : color.yellow('! warning,');
    return [
      ...wrap(`${mark} ${color.bold(subject)}: ${message}`, width, '  ', '    '),
      ...(fix === '' ? [] : wrap(`fix: ${fix}`, width, '    ', '         ')),
    ];
  });
}

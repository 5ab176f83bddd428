import { formatDuration, type RunStatus, type StepStatus } from '@switchyard/contracts';
import { renderConditions } from '../runs/render-conditions.js';
import { wrap, type Terminal } from '../terminal.js';
import { progressBar } from './figures.js';
import { STILL_UNDECIDED } from './gate-state.js';
import { gateHeadline } from './render-gate.js';
import { PHASE_OF_STEP, PHASES } from './phases.js';
import { whatNext } from './what-next.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

/** What is known of a change at one moment. */
export interface ChangeView {
  readonly runId: string;
  readonly status: RunStatus;
  /** What the stream says of itself: direction, lag, rate; null: none runs. */
  readonly stream: string | null;
  readonly startedBy: string | null;
}

/** A change as a person looks at it: where it is, how fast, what holds it up, and what to do next. */
export function renderChange({ runId, status, stream, startedBy }: ChangeView, now: Date, paint: Paint): string[] {
  const { color, width } = paint;
  const { title, state, phase, startedAt, warnings } = status;
  const age = formatDuration(now.getTime() - Date.parse(startedAt));
  const lines = [
    `${color.bold(runId)}  ${title}`,
    `  ${color.bold(state)}, ${phase}; started ${age} ago${startedBy === null ? '' : ` by ${startedBy}`}`,
    '',
    ...PHASES.flatMap((name) => phaseLines(name, status, now, paint)),
  ];
  const undo = status.steps.filter((step) => PHASE_OF_STEP.get(step.id) === undefined && step.state !== 'pending');
  for (const step of undo) lines.push(...stepLines(step, now, paint));
  if (stream !== null) lines.push(...wrap(stream, width, '  Stream    ', '            '));
  const gate = status.gates.find((candidate) => STILL_UNDECIDED.has(candidate.state));
  if (gate)
    lines.push(
      '',
      gateHeadline(gate, paint),
      ...(gate.conditions.length > 0 ? renderConditions(gate.conditions, paint) : []),
    );
  for (const warning of warnings) lines.push(...wrap(color.yellow(`warning: ${warning}`), width, '  ', '    '));
  lines.push('', color.bold('Next'));
  for (const { text, command } of whatNext(status, runId)) {
    lines.push(...wrap(text, width, '  '));
    if (command !== undefined) lines.push(color.cyan(`    ${command}`));
  }
  return lines;
}

function phaseLines(name: string, status: RunStatus, now: Date, paint: Paint): string[] {
  const { color } = paint;
  const steps = status.steps.filter((step) => PHASE_OF_STEP.get(step.id) === name);
  const begun = steps.filter((step) => step.state !== 'pending');
  const label = name.padEnd(8);
  if (begun.length === 0) return [color.dim(`  ${label}  ·`)];
  const active = begun.filter((step) => step.state !== 'done');
  const spent = formatDuration(begun.reduce((sum, step) => sum + durationOf(step, now), 0));
  if (active.length === 0 && begun.length === steps.length) return [`  ${label}  ${color.green('✓')} done in ${spent}`];
  return [
    `  ${color.bold(label)}  ${begun.length - active.length} of ${steps.length} steps, ${spent}`,
    ...active.flatMap((step) => stepLines(step, now, paint)),
  ];
}

const durationOf = ({ startedAt, endedAt }: StepStatus, now: Date): number =>
  startedAt === undefined
    ? 0
    : Math.max(0, (endedAt === undefined ? now.getTime() : Date.parse(endedAt)) - Date.parse(startedAt));

const BAR = 24;

function stepLines(step: StepStatus, now: Date, { color, width }: Paint): string[] {
  const { title, state, progress, detail, attempt } = step;
  const mark = { running: color.cyan('▶'), waiting: color.yellow('◷'), failed: color.red('✗') }[state as string] ?? '·';
  const times = attempt > 1 ? `, attempt ${attempt}` : '';
  const bar =
    progress !== undefined && state === 'running'
      ? [`              ${color.cyan(progressBar(progress, BAR))} ${progress.toFixed(1)} %`]
      : [];
  return [
    `            ${mark} ${title}, ${formatDuration(durationOf(step, now))}${times}`,
    ...bar,
    ...(detail === undefined || detail === ''
      ? []
      : wrap(detail, width, '              ').map(state === 'failed' ? color.red : color.dim)),
  ];
}

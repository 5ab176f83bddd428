import { formatDuration, type GateStatus, type RunStatus, type StepStatus } from '@switchyard/contracts';
import { missingFields, renderFields, renderPeople } from './render-approval.js';
import { renderConditions } from './render-conditions.js';
import { cut, table, wrap, type Terminal } from '../terminal.js';

const MARKS: Readonly<Record<StepStatus['state'], string>> = {
  pending: '·',
  running: '▶',
  waiting: '◷',
  done: '✓',
  failed: '✗',
  skipped: '–',
  compensated: '↩',
};

type Paint = Terminal['color'];

function paintState(color: Paint, state: StepStatus['state'], text: string): string {
  if (state === 'done') return color.green(text);
  if (state === 'failed') return color.red(text);
  if (state === 'running') return color.cyan(text);
  if (state === 'waiting') return color.yellow(text);
  return color.dim(text);
}

function stepTime(step: StepStatus, now: Date): string {
  if (step.startedAt === undefined) return '';
  const end = step.endedAt === undefined ? now.getTime() : Date.parse(step.endedAt);
  return formatDuration(Math.max(0, end - Date.parse(step.startedAt)));
}

/** The steps of a run as lines of a table; below it what a step waits for, where the table has no room for all of it. */
export function renderSteps(status: RunStatus, terminal: Pick<Terminal, 'color' | 'width'>, now: Date): string[] {
  const { color, width } = terminal;
  const room = Math.max(20, width - 62);
  const rows = status.steps.map((step) => [
    paintState(color, step.state, `${MARKS[step.state]} ${step.state}`),
    step.title,
    step.progress !== undefined && step.state === 'running' ? `${Math.round(step.progress)} %` : '',
    stepTime(step, now),
    color.dim(cut(step.detail ?? '', room)),
  ]);
  const waits = status.steps
    .filter(({ state, detail = '' }) => state === 'waiting' && detail.length > room)
    .flatMap(({ title, detail = '' }) => wrap(`${title}: ${detail}`, width, '    '));
  return [...table(rows, '  '), ...waits];
}

/** A gate with what it shows, and how to decide. */
export function renderGate(gate: GateStatus, workflowId: string, paint: Pick<Terminal, 'color' | 'width'>): string[] {
  const { color } = paint;
  const lines = [
    `  ${color.bold(`Gate ${gate.name}`)}: ${gate.title} (${gate.state}, ${gate.decisions.length} of ${gate.required} decided)`,
    `    evidence ${gate.evidence}`,
    ...gate.shown.map((line) => `    ${line}`),
    ...renderPeople(gate, paint),
    ...renderFields(gate),
    ...(gate.conditions.length > 0 ? renderConditions(gate.conditions, paint) : []),
    ...gate.decisions.map(
      (d) => `    ${d.decision} by ${d.by} through ${d.channel} at ${d.at}${d.reason ? `: ${d.reason}` : ''}`,
    ),
  ];
  if (gate.state === 'open')
    lines.push(
      color.dim(
        `    switchyard approve ${workflowId} --gate ${gate.name} --evidence ${gate.evidence}${missingFields(gate)}`,
      ),
    );
  return lines;
}

/** One line that says where a run stands. */
export function renderVerdict(status: RunStatus, color: Paint): string {
  const waiting = status.waitingFor
    ? `, waiting for ${status.waitingFor.kind} ${color.bold(status.waitingFor.name)} since ${status.waitingFor.since}`
    : '';
  return `${color.bold(status.title)}: ${status.state}, ${status.phase}, ${status.progress} %${waiting}`;
}

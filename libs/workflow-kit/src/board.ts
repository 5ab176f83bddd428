import {
  formatDuration,
  type GateStatus,
  type RunStatus,
  type StepStatus,
  type WaitingFor,
} from '@switchyard/contracts';

/** The state of a run as people see it: a plain value that workflow code changes through {@link Board}. */
export interface BoardOptions {
  readonly kind: string;
  readonly runId: string;
  readonly now: () => Date;
  /** The status to go on with; default: that of a run that begins. */
  readonly carried?: RunStatus;
  /** Called after every change, with the new status. */
  readonly onChange: (status: RunStatus) => void;
}

type StepChange = Partial<Omit<StepStatus, 'id'>>;

/** Holds the status of one run and renders it; every change goes through one place. */
export class Board {
  readonly #options: BoardOptions;
  #status: RunStatus;

  constructor(options: BoardOptions) {
    this.#options = options;
    const now = options.now().toISOString();
    this.#status = options.carried ?? {
      kind: options.kind,
      title: options.kind,
      runId: options.runId,
      state: 'running',
      phase: 'starting',
      progress: 0,
      steps: [],
      gates: [],
      waitingFor: null,
      pausedBy: null,
      warnings: [],
      startedAt: now,
      updatedAt: now,
    };
  }

  get status(): RunStatus {
    return this.#status;
  }

  change(change: Partial<RunStatus>): void {
    const next = { ...this.#status, ...change, updatedAt: this.#options.now().toISOString() };
    this.#status = { ...next, progress: change.progress ?? progressOf(next) };
    this.#options.onChange(this.#status);
  }

  /** Changes one step; an unknown id is appended. */
  step(id: string, change: StepChange): void {
    const at = this.#status.steps.findIndex((step) => step.id === id);
    const old: StepStatus = this.#status.steps[at] ?? { id, title: id, state: 'pending', attempt: 0 };
    const merged = { ...old, ...change };
    this.change({ steps: at < 0 ? [...this.#status.steps, merged] : this.#status.steps.with(at, merged) });
  }

  gate(gate: GateStatus): void {
    const at = this.#status.gates.findIndex((old) => old.name === gate.name);
    this.change({ gates: at < 0 ? [...this.#status.gates, gate] : this.#status.gates.with(at, gate) });
  }

  warn(message: string): void {
    this.change({ warnings: [...this.#status.warnings, message].slice(-100) });
  }
}

/** Percent of the steps that have ended, a running step counted by its own progress. */
function progressOf(status: RunStatus): number {
  if (status.state === 'done') return status.progress;
  if (status.steps.length === 0) return 0;
  const parts = status.steps.map((step) =>
    step.state === 'done' || step.state === 'skipped' || step.state === 'compensated' ? 100 : (step.progress ?? 0),
  );
  return Math.floor(parts.reduce((sum, part) => sum + part, 0) / parts.length);
}

/** What a run waits for: its own reason, else that of the first child that waits. */
export function effectiveWaiting(status: RunStatus): WaitingFor | null {
  if (status.waitingFor) return status.waitingFor;
  for (const step of status.steps) {
    const child = step.children?.find((candidate) => candidate.waitingFor);
    if (child?.waitingFor) return { ...child.waitingFor, name: `${step.id}/${child.waitingFor.name}` };
  }
  return null;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** The status as markdown: shown by Temporal's own UI as the current details of the run. */
export function renderStatus(status: RunStatus): string {
  const waiting = effectiveWaiting(status);
  const head = `**${cell(status.title)}**: ${status.state}, ${status.phase}, ${status.progress} %`;
  const lines = [
    waiting ? `${head}; waiting for ${waiting.kind} **${cell(waiting.name)}** since ${waiting.since}` : head,
    '',
  ];
  if (status.steps.length > 0) {
    lines.push('| step | state | attempt | time | detail |', '|---|---|---|---|---|');
    for (const step of status.steps.slice(0, 60)) {
      const time =
        step.startedAt && step.endedAt
          ? formatDuration(Date.parse(step.endedAt) - Date.parse(step.startedAt))
          : (step.startedAt ?? '');
      lines.push(
        `| ${cell(step.title)} | ${step.state} | ${step.attempt || ''} | ${time} | ${cell(step.detail ?? '')} |`,
      );
    }
    if (status.steps.length > 60) lines.push(`| and ${status.steps.length - 60} more | | | | |`);
  }
  for (const gate of status.gates) {
    lines.push('', `Gate **${cell(gate.name)}** (${cell(gate.title)}): ${gate.state}, \`${gate.evidence}\``);
    for (const line of gate.shown.slice(0, 20)) lines.push(`- ${cell(line)}`);
    for (const group of gate.groups ?? []) {
      lines.push(
        `- group **${cell(group.name)}**${group.isFurther ? ' (escalated to)' : ''}: ${group.approvals} of ${group.required}`,
      );
    }
    for (const decision of gate.decisions) {
      lines.push(
        `- ${decision.decision} by ${cell(decision.by)} through ${decision.channel}: ${cell(decision.reason)}`,
      );
    }
  }
  if (status.warnings.length > 0) lines.push('', ...status.warnings.map((warning) => `Warning: ${cell(warning)}`));
  return lines.join('\n');
}

import type { NewEventInput, RunStatus, StepStatus } from '@switchyard/contracts';

/** What a step needs of the run that it belongs to. */
export interface StepHost {
  readonly board: { readonly status: RunStatus; step(id: string, change: Partial<Omit<StepStatus, 'id'>>): void };
  event(event: Omit<NewEventInput, 'runId' | 'workflowId' | 'at'>): void;
}

/** Changes the state of one step. */
export class StepHandle {
  readonly #run: StepHost;
  readonly id: string;

  constructor(run: StepHost, id: string) {
    this.#run = run;
    this.id = id;
  }

  get #now(): string {
    return new Date().toISOString();
  }

  get #known(): StepStatus | undefined {
    return this.#run.board.status.steps.find((step) => step.id === this.id);
  }

  #tell(type: string, detail: string | undefined, level: 'info' | 'error' = 'info'): void {
    const title = this.#known?.title ?? this.id;
    this.#run.event({
      source: 'step',
      type,
      level,
      step: this.id,
      message: detail === undefined ? title : `${title}: ${detail}`,
      attempt: Math.max(1, this.#known?.attempt ?? 1),
    });
  }

  start(detail?: string, attempt?: number): void {
    const known = this.#known;
    const again = known?.state === 'waiting';
    this.#run.board.step(this.id, {
      state: 'running',
      attempt: attempt ?? Math.max(1, known?.attempt ?? 0),
      startedAt: known?.startedAt ?? this.#now,
      ...(detail === undefined ? {} : { detail }),
    });
    if (!again) this.#tell('step_started', detail);
  }

  progress(percent: number, detail?: string): void {
    this.#run.board.step(this.id, { progress: percent, ...(detail === undefined ? {} : { detail }) });
  }

  waiting(detail?: string): void {
    this.#run.board.step(this.id, {
      state: 'waiting',
      startedAt: this.#known?.startedAt ?? this.#now,
      ...(detail === undefined ? {} : { detail }),
    });
  }

  done(detail?: string): void {
    this.#end('done', detail);
  }

  failed(detail?: string): void {
    this.#end('failed', detail);
  }

  skipped(detail?: string): void {
    this.#end('skipped', detail);
  }

  compensated(detail?: string): void {
    this.#end('compensated', detail);
  }

  #end(state: 'done' | 'failed' | 'skipped' | 'compensated', detail: string | undefined): void {
    this.#run.board.step(this.id, {
      state,
      endedAt: this.#now,
      ...(state === 'done' ? { progress: 100 } : {}),
      ...(detail === undefined ? {} : { detail }),
    });
    this.#tell(`step_${state}`, detail, state === 'failed' ? 'error' : 'info');
  }
}

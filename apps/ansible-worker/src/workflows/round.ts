import type { AnsibleInput, AnsibleResult } from '@switchyard/contracts';
import { activities, type Run } from '@switchyard/workflow-kit';
import { CancelledFailure, sleep, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { AnsibleActivities, BatchCounts, BatchInput, BatchResult } from './activities.js';
import { slidingWindow } from './window.js';

/** What a playbook came to on all hosts, the retries of failed hosts included. */
export interface RoundResult {
  readonly hosts: AnsibleResult['hosts'];
  readonly failedHosts: readonly string[];
  readonly counts: BatchCounts;
  readonly batches: number;
  readonly inventoryDigest: string;
  readonly tail: readonly string[];
  /** Why the first hosts did not end well. */
  readonly reasons: readonly string[];
}

type Finished = Extract<BatchResult, { kind: 'finished' }>;
type AnsibleProxies = ActivityInterfaceFor<AnsibleActivities>;

/** Preparing, ending the process and storing results, beside the time-out of the process itself. */
const AROUND_THE_PROCESS_MS = 5 * 60_000;
/** A worker that has not got the commit yet fetches it, and installs what the project requires. */
const AROUND_THE_PROJECT_MS = 40 * 60_000;
/** A lost worker costs an attempt of the activity. */
const LOST_WORKERS = 30;
/** More batches are not shown one by one. */
const MOST_BATCH_STEPS = 100;

const aroundTheProject = ({ project }: AnsibleInput): number =>
  project?.git === undefined && project?.requirements !== 'install' ? 0 : AROUND_THE_PROJECT_MS;

export const PLAYBOOK_STEP = 'playbook';

/** One pass of a playbook over its hosts. */
export class Round {
  readonly #run: Run;
  readonly #input: AnsibleInput;
  readonly #ledgerId: string;
  readonly #attempts: number;
  readonly #heavy: Pick<AnsibleProxies, 'runBatch'>;
  readonly #light: Pick<AnsibleProxies, 'collectHosts'>;
  #isTooBad = false;

  constructor(options: { run: Run; input: AnsibleInput; ledgerId: string; attempts: number }) {
    this.#run = options.run;
    this.#input = options.input;
    this.#ledgerId = options.ledgerId;
    this.#attempts = options.attempts;
    this.#heavy = activities<Pick<AnsibleActivities, 'runBatch'>>({
      startToClose: this.#input.timeout + AROUND_THE_PROCESS_MS + aroundTheProject(this.#input),
      attempts: LOST_WORKERS,
    });
    this.#light = activities<Pick<AnsibleActivities, 'collectHosts'>>({ startToClose: 60_000, heartbeat: false });
  }

  async play(): Promise<RoundResult> {
    const first = await this.#attempt({ batch: 0, attempt: 1, step: PLAYBOOK_STEP });
    if (first.kind === 'finished') {
      const last = await this.#retries(first, 0, PLAYBOOK_STEP);
      return this.#result(last, 1);
    }
    const { batches, hosts } = first;
    const step = this.#run.step(PLAYBOOK_STEP);
    step.progress(0, `${hosts} hosts in ${batches} batches`);
    let ended = 0;
    let last: Finished | undefined;
    const numbers = Array.from({ length: batches }, (_, index) => index + 1);
    await slidingWindow(
      numbers,
      this.#input.maxParallel,
      () => !this.#isTooBad,
      async (batch) => {
        last = await this.#batch(batch, batches);
        ended += 1;
        step.progress(Math.floor((100 * ended) / batches), `${ended} of ${batches} batches`);
      },
    );
    return this.#result(last, batches);
  }

  async #batch(batch: number, batches: number): Promise<Finished> {
    const isShown = batches <= MOST_BATCH_STEPS;
    const id = isShown ? `batch-${batch}` : PLAYBOOK_STEP;
    if (isShown) this.#run.board.step(id, { title: `Batch ${batch} of ${batches}` });
    const step = this.#run.step(id);
    if (isShown) step.start();
    try {
      // An id that no step has: reports of single batches would overwrite each other in the common step.
      const reportTo = isShown ? id : `batch-${batch}`;
      const first = await this.#attempt({ batch, attempt: 1, step: reportTo });
      if (first.kind !== 'finished') throw new Error('a batch cannot be sliced again');
      const last = await this.#retries(first, batch, reportTo);
      const bad = last.slice.failed + last.slice.unreachable;
      if (isShown && bad > 0) step.failed(`${bad} of ${last.slice.total} hosts did not end well`);
      else if (isShown) step.done(`${last.slice.total} hosts`);
      this.#weigh(last);
      return last;
    } catch (error) {
      if (isShown && !(error instanceof CancelledFailure))
        step.failed(error instanceof Error ? error.message : undefined);
      throw error;
    }
  }

  /** Further attempts on the hosts of one slice that did not end well. */
  async #retries(first: Finished, batch: number, stepId: string): Promise<Finished> {
    let last = first;
    for (let attempt = 2; attempt <= this.#attempts; attempt++) {
      const bad = last.slice.total - last.slice.ok;
      if (bad === 0) break;
      this.#run.event({
        source: 'run',
        type: 'hosts_retry',
        level: 'warning',
        step: stepId,
        attempt,
        message: `attempt ${attempt} of ${this.#attempts} on ${bad} host${bad === 1 ? '' : 's'} that did not end well`,
      });
      // Attempts follow each other, and each depends on the one before.
      // oxlint-disable-next-line no-await-in-loop
      await sleep(this.#input.retry.delay);
      // oxlint-disable-next-line no-await-in-loop
      const next = await this.#attempt({ batch, attempt, step: stepId });
      if (next.kind === 'finished') last = next;
    }
    return last;
  }

  async #attempt(
    call: Pick<BatchInput, 'batch' | 'attempt' | 'step'>,
  ): Promise<Exclude<BatchResult, { kind: 'cancelled' }>> {
    await this.#run.checkpoint();
    this.#run.board.step(call.step, { attempt: call.attempt });
    const result = await this.#heavy.runBatch({
      ...call,
      ref: this.#run.ref,
      ledgerId: this.#ledgerId,
      startedAt: this.#run.startedAt.toISOString(),
      ...(call.batch === 0 ? { input: this.#input } : {}),
    });
    if (result.kind !== 'cancelled') return result;
    this.#run.step(call.step).failed(result.detail);
    throw new CancelledFailure(result.detail);
  }

  #weigh({ all }: Finished): void {
    const { maxFailPercentage } = this.#input;
    if (maxFailPercentage === undefined || this.#isTooBad) return;
    const bad = all.failed + all.unreachable;
    if ((100 * bad) / all.total <= maxFailPercentage) return;
    this.#isTooBad = true;
    this.#run.warn(
      `no further batch is started: ${bad} of ${all.total} hosts failed, more than ${maxFailPercentage} %`,
    );
  }

  async #result(last: Finished | undefined, batches: number): Promise<RoundResult> {
    const tail = last?.tail ?? [];
    if (last?.hosts) {
      const { hosts, all: counts, inventoryDigest, reasons } = last;
      const failedHosts = Object.keys(hosts).filter((host) =>
        ['failed', 'unreachable'].includes(hosts[host]?.outcome ?? ''),
      );
      return { hosts, failedHosts, counts, batches, inventoryDigest, tail, reasons };
    }
    const collected = await this.#light.collectHosts({ ledgerId: this.#ledgerId });
    return { ...collected, batches, tail };
  }
}

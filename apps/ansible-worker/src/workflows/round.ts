import type { AnsibleInput, AnsibleResult } from '@switchyard/contracts';
import { activities, isHistoryLong, type Run } from '@switchyard/workflow-kit';
import { CancelledFailure, patched, sleep, workflowInfo, type ActivityInterfaceFor } from '@temporalio/workflow';
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

/** Where a slice goes on: its next attempt, and how many hosts had not ended well before it. */
interface OpenBatch {
  readonly batch: number;
  readonly attempt: number;
  readonly bad: number;
}

/** How far a round has come, when the run continues as new in the midst of it. What became of hosts is in the ledger. */
export interface CarriedRound {
  /** How many slices there are; 0 while all hosts are one. */
  readonly batches: number;
  /** Slices that have ended for good. */
  readonly ended: number;
  /** Slices that were begun, and have attempts left. */
  readonly open: readonly OpenBatch[];
  /** The first slice that was not begun. */
  readonly next: number;
  readonly isTooBad: boolean;
  readonly tail: readonly string[];
}

/** A round has come to its end, or to where the history of this execution is full. */
export type RoundEnd =
  | { readonly kind: 'played'; readonly result: RoundResult }
  | { readonly kind: 'interrupted'; readonly carried: CarriedRound };

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
  readonly #carried: CarriedRound | undefined;
  /** Slices with attempts left, for which the history of this execution has no room any more. */
  readonly #open: OpenBatch[] = [];
  #ended: number;
  #isTooBad: boolean;
  #last: Finished | undefined;

  constructor(options: { run: Run; input: AnsibleInput; ledgerId: string; attempts: number; carried?: CarriedRound }) {
    this.#run = options.run;
    this.#input = options.input;
    this.#ledgerId = options.ledgerId;
    this.#attempts = options.attempts;
    this.#carried = options.carried;
    this.#ended = options.carried?.ended ?? 0;
    this.#isTooBad = options.carried?.isTooBad ?? false;
    this.#heavy = activities<Pick<AnsibleActivities, 'runBatch'>>({
      startToClose: this.#input.timeout + AROUND_THE_PROCESS_MS + aroundTheProject(this.#input),
      attempts: LOST_WORKERS,
    });
    this.#light = activities<Pick<AnsibleActivities, 'collectHosts'>>({ startToClose: 60_000, heartbeat: false });
  }

  async play(): Promise<RoundEnd> {
    const { batches, open, next } = this.#carried ?? (await this.#begin());
    if (batches === 0) {
      const [whole] = open;
      if (whole) await this.#attemptsFrom({ ...whole, step: PLAYBOOK_STEP });
      return this.#end(0, 1);
    }
    const unbegun = Array.from({ length: batches - next + 1 }, (_, index) => ({
      batch: next + index,
      attempt: 1,
      bad: 0,
    }));
    const left = await slidingWindow(
      [...open, ...unbegun],
      this.#input.maxParallel,
      // Too many failures end no slice that was begun.
      ({ attempt }) => !isFull() && (attempt > 1 || !this.#isTooBad),
      (item) => this.#batch(item, batches),
    );
    this.#open.push(...left.filter(({ attempt }) => attempt > 1));
    return this.#end(batches, left.find(({ attempt }) => attempt === 1)?.batch ?? batches + 1);
  }

  /** The first attempt on all hosts, or their slices when there are too many. */
  async #begin(): Promise<Pick<CarriedRound, 'batches' | 'open' | 'next'>> {
    const first = await this.#attempt({ batch: 0, attempt: 1, step: PLAYBOOK_STEP });
    if (first.kind === 'finished') {
      this.#last = first;
      const bad = badOf(first);
      const isOver = bad === 0 || this.#attempts === 1;
      return { batches: 0, open: isOver ? [] : [{ batch: 0, attempt: 2, bad }], next: 0 };
    }
    const { batches, hosts } = first;
    this.#run.step(PLAYBOOK_STEP).progress(0, `${hosts} hosts in ${batches} batches`);
    return { batches, open: [], next: 1 };
  }

  /** @param next the first slice that was not begun; past the last one when all were */
  async #end(batches: number, next: number): Promise<RoundEnd> {
    const isStopped = this.#isTooBad && this.#open.length === 0;
    if (this.#open.length > 0 || (next <= batches && !isStopped)) {
      const tail = this.#last?.tail ?? this.#carried?.tail ?? [];
      const [ended, isTooBad] = [this.#ended, this.#isTooBad];
      return { kind: 'interrupted', carried: { batches, ended, open: this.#open, next, isTooBad, tail } };
    }
    return { kind: 'played', result: await this.#result(Math.max(1, batches)) };
  }

  async #batch({ batch, attempt, bad: before }: OpenBatch, batches: number): Promise<void> {
    const isShown = batches <= MOST_BATCH_STEPS;
    const id = isShown ? `batch-${batch}` : PLAYBOOK_STEP;
    const step = this.#run.step(id);
    if (isShown && attempt === 1) {
      this.#run.board.step(id, { title: `Batch ${batch} of ${batches}` });
      step.start();
    }
    try {
      // An id that no step has: reports of single batches would overwrite each other in the common step.
      const reportTo = isShown ? id : `batch-${batch}`;
      const last = await this.#attemptsFrom({ batch, attempt, bad: before, step: reportTo });
      if (last === undefined) return;
      const bad = last.slice.failed + last.slice.unreachable;
      if (isShown && bad > 0) step.failed(`${bad} of ${last.slice.total} hosts did not end well`);
      else if (isShown) step.done(`${last.slice.total} hosts`);
      this.#weigh(last);
    } catch (error) {
      if (isShown && !(error instanceof CancelledFailure))
        step.failed(error instanceof Error ? error.message : undefined);
      throw error;
    }
    this.#ended += 1;
    this.#run
      .step(PLAYBOOK_STEP)
      .progress(Math.floor((100 * this.#ended) / batches), `${this.#ended} of ${batches} batches`);
  }

  /**
   * Attempts on one slice until each host has ended well or none is left: the first on all of its hosts, further ones
   * on those that did not end well.
   * @returns undefined when the next attempt is left to the next execution
   */
  async #attemptsFrom(call: OpenBatch & { readonly step: string }): Promise<Finished | undefined> {
    const { batch, step } = call;
    let { bad } = call;
    for (let { attempt } = call; ; attempt++) {
      if (attempt > 1) {
        if (isFull()) {
          this.#open.push({ batch, attempt, bad });
          return undefined;
        }
        this.#tellRetry(attempt, step, bad);
        // Attempts follow each other, and each depends on the one before.
        // oxlint-disable-next-line no-await-in-loop
        await sleep(this.#input.retry.delay);
      }
      // oxlint-disable-next-line no-await-in-loop
      const result = await this.#attempt({ batch, attempt, step });
      if (result.kind !== 'finished') throw new Error('a batch cannot be sliced again');
      this.#last = result;
      bad = badOf(result);
      if (bad === 0 || attempt >= this.#attempts) return result;
    }
  }

  #tellRetry(attempt: number, step: string, bad: number): void {
    this.#run.event({
      source: 'run',
      type: 'hosts_retry',
      level: 'warning',
      step,
      attempt,
      message: `attempt ${attempt} of ${this.#attempts} on ${bad} host${bad === 1 ? '' : 's'} that did not end well`,
    });
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

  async #result(batches: number): Promise<RoundResult> {
    const last = this.#last;
    const tail = last?.tail ?? this.#carried?.tail ?? [];
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

const badOf = ({ slice }: Finished): number => slice.total - slice.ok;

/**
 * Whether what follows belongs into the next execution. A run that an earlier release began goes on as it did then. A
 * child never is: its parent cancels the execution that it started, and would not reach a later one.
 */
const isFull = (): boolean => workflowInfo().parent === undefined && isHistoryLong() && patched('ansible-continues');

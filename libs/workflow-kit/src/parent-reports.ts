import { SIGNALS, type ChildReport, type WaitingFor } from '@switchyard/contracts';
import { CancellationScope, getExternalWorkflowHandle, log, workflowInfo } from '@temporalio/workflow';

/** The run that a child was started for, and the step under which it shows it. */
export interface ReportTo {
  readonly workflowId: string;
  readonly step: string;
}

/**
 * Tells a parent what its child waits for. One report at a time: those of one workflow task may arrive in any order, and
 * the parent would keep the older one. What changes meanwhile is in the next, the newest alone.
 */
export class ParentReports {
  readonly #to: ReportTo;
  #next: Pick<ChildReport, 'waitingFor'> | undefined;
  #sending: Promise<void> | undefined;

  constructor(to: ReportTo) {
    this.#to = to;
  }

  tell(waitingFor: WaitingFor | null): void {
    this.#next = { waitingFor };
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when the parent was told everything. */
  async drain(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const { workflowId, workflowType: type } = workflowInfo();
    while (this.#next) {
      const report: ChildReport = { step: this.#to.step, workflowId, type, ...this.#next };
      this.#next = undefined;
      // oxlint-disable-next-line no-await-in-loop -- the next one follows when this one has arrived
      await CancellationScope.nonCancellable(() =>
        getExternalWorkflowHandle(this.#to.workflowId).signal(SIGNALS.childReport, report),
      ).catch((error: unknown) =>
        log.debug('the parent could not be told what this run waits for', { error: String(error) }),
      );
    }
    this.#sending = undefined;
  }
}

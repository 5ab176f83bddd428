import {
  STREAM_SIGNALS,
  TASK_QUEUES,
  type ChangeStreamInput,
  type ChangeStreamResult,
  type StreamMode,
} from '@switchyard/contracts';
import { failureOf, startChildOn, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, type ChildWorkflowHandle, type Workflow } from '@temporalio/workflow';

/**
 * The stream of a change: a child of its own on the queue of the cdc-workers. It outlives the scope that an abort
 * cancels, because going back needs it; with the run it ends in any case.
 */
export class StreamChild {
  readonly #handle: ChildWorkflowHandle<Workflow>;
  #result: ChangeStreamResult | undefined;
  #failure: CodedFailure | undefined;
  #mode: StreamMode;
  readonly #ended: Promise<void>;

  private constructor(handle: ChildWorkflowHandle<Workflow>, mode: StreamMode) {
    this.#handle = handle;
    this.#mode = mode;
    this.#ended = this.#settle();
  }

  async #settle(): Promise<void> {
    try {
      this.#result = (await CancellationScope.nonCancellable(() => this.#handle.result())) as ChangeStreamResult;
    } catch (error) {
      this.#failure = failureOf(error);
    }
  }

  /** Starts a stream. `number` tells it from those that were lost before. */
  static start(
    run: Run,
    input: ChangeStreamInput,
    options: { readonly step: string; readonly number: number },
  ): Promise<StreamChild> {
    return CancellationScope.nonCancellable(async () => {
      const workflowId = `${run.ref.workflowId}/stream${options.number > 1 ? `-${options.number}` : ''}`;
      const handle = await startChildOn('ChangeStreamWorkflow', TASK_QUEUES.cdc, [input], {
        workflowId,
        under: { run, step: options.step },
        summary: `changes of ${input.shape.source.schema}.${input.shape.source.name}`,
      });
      return new StreamChild(handle, input.mode);
    });
  }

  get mode(): StreamMode {
    return this.#mode;
  }

  /** Why it ended by itself; undefined while it lives. */
  get failure(): CodedFailure | undefined {
    return this.#failure;
  }

  get rowsWritten(): number {
    return this.#result?.rowsWritten ?? 0;
  }

  get isAlive(): boolean {
    return this.#failure === undefined && this.#result === undefined;
  }

  /** Goes on in another mode, under a new epoch; a barrier in that mode tells when it does. */
  async turn(mode: StreamMode): Promise<void> {
    this.#mode = mode;
    if (this.isAlive) await this.#handle.signal(STREAM_SIGNALS.turn, mode);
  }

  /** Ends it, with slot and publication. Resolves when they are gone. */
  async stop(): Promise<void> {
    if (this.isAlive) await this.#handle.signal(STREAM_SIGNALS.stop, { release: true }).catch(() => undefined);
    await this.#ended;
  }
}

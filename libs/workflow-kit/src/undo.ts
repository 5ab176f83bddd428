import { CancellationScope } from '@temporalio/workflow';
import { failureOf, type CodedFailure } from './failure.js';

/** What undoing one step came to. */
export interface UndoReport {
  readonly title: string;
  readonly failure: CodedFailure | null;
}

/**
 * Compensations of a run. One is registered before its step starts, because a step that failed may have half happened;
 * each must therefore be safe to run when its step did nothing.
 */
export class UndoStack {
  readonly #entries: { title: string; undo: () => Promise<unknown> }[] = [];

  get titles(): readonly string[] {
    return this.#entries.map((entry) => entry.title).toReversed();
  }

  add(title: string, undo: () => Promise<unknown>): void {
    this.#entries.push({ title, undo });
  }

  /** Runs all, newest first, out of reach of cancellation, and never stops at the first error. Empties the stack. */
  async run(onReport?: (report: UndoReport) => void): Promise<UndoReport[]> {
    return CancellationScope.nonCancellable(async () => {
      const reports: UndoReport[] = [];
      for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
        let failure: CodedFailure | null = null;
        try {
          await entry.undo();
        } catch (error) {
          failure = failureOf(error);
        }
        const report = { title: entry.title, failure };
        reports.push(report);
        onReport?.(report);
      }
      return reports;
    });
  }
}

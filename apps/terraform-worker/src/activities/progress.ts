import type { ProgressReport, RunRef } from '@switchyard/contracts';

const LEAST_MS = 2_000;
const LEAST_PERCENT = 5;

/** Reports how far a step is, at most every two seconds and five percent: each report costs history. */
export function createProgress(options: {
  readonly ref: RunRef;
  readonly step: string;
  readonly total: number;
  readonly report: (ref: RunRef, report: ProgressReport) => Promise<void>;
}): { advance(detail: string): void } {
  const { ref, step, total, report } = options;
  let done = 0;
  let told = { at: performance.now(), percent: 0 };
  return {
    advance(detail) {
      done++;
      const percent = total === 0 ? 100 : Math.min(99, Math.floor((done * 100) / total));
      const now = performance.now();
      if (now - told.at < LEAST_MS || percent - told.percent < LEAST_PERCENT) return;
      told = { at: now, percent };
      void report(ref, { step, progress: percent, detail });
    },
  };
}

import type { EndingPlan } from '@switchyard/process';

/**
 * How init, plan and the like are ended. The interrupt goes to the tool alone, which hands it on to its providers;
 * a second one makes it give up at once.
 */
export const READING_ENDING: EndingPlan = {
  signals: [
    { signal: 'SIGINT', graceMs: 30_000, to: 'leader' },
    { signal: 'SIGINT', graceMs: 5_000, to: 'leader' },
  ],
};

/**
 * How apply is ended. After the first interrupt it lets what is under way come to an end and saves the state, which
 * may take as long as one cloud object takes; the second one risks what was not saved yet, SIGKILL loses it.
 */
export const APPLY_ENDING: EndingPlan = {
  signals: [
    { signal: 'SIGINT', graceMs: 5 * 60_000, to: 'leader' },
    { signal: 'SIGINT', graceMs: 15_000, to: 'leader' },
  ],
};

/** Longest time in which an interrupted apply of a dead worker may still be saving its state. */
export const APPLY_SAVING_MS = APPLY_ENDING.signals.reduce((sum, { graceMs }) => sum + graceMs, 0) + 10_000;

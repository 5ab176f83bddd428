import { randomUUID } from 'node:crypto';
import type { NewEventInput } from '@switchyard/contracts';

/** A run id that no other test uses. */
export const newRunId = (): string => `run-${randomUUID()}`;

/** Events of a run whose messages are their place: "0", "1", ... */
export function someEvents(runId: string, length: number, more: Partial<NewEventInput> = {}): NewEventInput[] {
  return Array.from({ length }, (_, i) => ({
    runId,
    workflowId: runId,
    source: 'run' as const,
    type: 'line',
    message: String(i),
    at: '2026-11-20T10:00:00.123Z',
    ...more,
  }));
}

/** 1, 2, ... n. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

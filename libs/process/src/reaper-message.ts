import type { EndingPlan, EndingStage } from './ending.js';

/** One line from the worker to its reaper. */
export type ReaperMessage = { readonly watch: string; readonly plan: EndingPlan } | { readonly unwatch: string };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isStage(value: unknown): value is EndingStage {
  return (
    isObject(value) &&
    typeof value['signal'] === 'string' &&
    typeof value['graceMs'] === 'number' &&
    (value['to'] === 'leader' || value['to'] === 'group')
  );
}

/**
 * Reads one line. Undefined when it is not whole: the last line of a worker that died in the middle of a write, whose
 * program was therefore never started.
 */
export function parseReaperMessage(line: string): ReaperMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { watch, unwatch, plan } = value;
  if (typeof unwatch === 'string') return { unwatch };
  if (typeof watch !== 'string' || !isObject(plan)) return undefined;
  const { signals } = plan;
  return Array.isArray(signals) && signals.every(isStage) ? { watch, plan: { signals } } : undefined;
}

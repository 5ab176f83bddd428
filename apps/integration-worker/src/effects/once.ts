import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import type { z } from 'zod';
import type { CallTools } from '../activities/call.js';

/** How one effect is brought about, and found again. */
export interface EffectWork<S extends z.ZodType> {
  /** `ticket`, `message`, `machine`. */
  readonly kind: string;
  /** What the ledger keeps of it. */
  readonly schema: S;
  readonly idOf: (made: z.output<S>) => string;
  /** Looks for it at the service. Asked only when an earlier attempt may have got through. */
  readonly lookUp: (since: Date) => Promise<z.output<S> | undefined>;
  /** Milliseconds after an attempt in which a search of the service may not show it yet. Default 0. */
  readonly searchLagMs?: number;
  readonly make: () => Promise<z.output<S>>;
}

/** What {@link once} gave. */
export interface Made<T> {
  readonly made: T;
  /** False when an earlier attempt had done it. */
  readonly isNew: boolean;
}

/** Between two looks at a search that lags behind. */
const LOOK_MS = 2_000;

/**
 * Brings an effect about that the service itself would bring about twice. It is written down before it is tried and
 * after: a second delivery gets the first one's answer, and an attempt that finds one begun and not ended looks at the
 * service first.
 *
 * What remains: a process that is stopped between the writing and the sending for longer than its time-out, and then
 * goes on, may send after the look of the next attempt.
 */
export async function once<S extends z.ZodType>(tools: CallTools, work: EffectWork<S>): Promise<Made<z.output<S>>> {
  const { ledger, run, effect } = tools;
  const ref = { run, effect, kind: work.kind };
  const known = await ledger.find(ref);
  if (known?.state === 'completed') return { made: work.schema.parse(known.answer), isNew: false };
  if (known?.state === 'started') {
    const found = await lookForEarlier(tools, work, known.startedAt);
    if (found !== undefined) {
      const id = work.idOf(found);
      await ledger.end(ref, known.attempt, { state: 'completed', id, answer: found });
      await tools.tell({ type: 'effect_found', message: `an earlier attempt got through: ${id}`, subject: id });
      return { made: found, isNew: false };
    }
  }
  const attempt = (known?.attempt ?? 0) + 1;
  if (!(await ledger.begin(ref, attempt))) {
    throw new CodedError(
      'UpstreamFailed',
      `another attempt at ${work.kind} of step "${tools.step}" began; nothing was sent`,
      {
        details: { hadEffect: false },
      },
    );
  }
  let made: z.output<S>;
  try {
    made = await work.make();
  } catch (error) {
    if (surelyFailed(error)) await ledger.end(ref, attempt, { state: 'failed', answer: null });
    throw error;
  }
  await ledger.end(ref, attempt, { state: 'completed', id: work.idOf(made), answer: made });
  return { made, isNew: true };
}

async function lookForEarlier<S extends z.ZodType>(
  { signal }: CallTools,
  { lookUp, searchLagMs = 0 }: EffectWork<S>,
  startedAt: Date,
): Promise<z.output<S> | undefined> {
  // Measured from now at the most: the clock of the database may be ahead of ours.
  const until = Math.min(startedAt.getTime(), Date.now()) + searchLagMs;
  for (;;) {
    const found = await lookUp(startedAt);
    const left = until - Date.now();
    if (found !== undefined || left <= 0) return found;
    await sleep(Math.min(LOOK_MS, left), undefined, { signal });
  }
}

/** Whether a failure proves that nothing happened: nothing was sent, or the service itself refused it. */
export function surelyFailed(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false;
  const { status, hadEffect } = (error.details ?? {}) as { status?: unknown; hadEffect?: unknown };
  // 408 is sent by proxies that do not know what became of the request behind them.
  return hadEffect === false || (typeof status === 'number' && status >= 400 && status < 500 && status !== 408);
}

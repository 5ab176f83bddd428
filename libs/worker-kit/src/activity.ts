import type { Masker } from '@switchyard/process';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { toFailure } from './failure.js';

/** An activity as it is registered. */
export type ActivityFunction = (...args: never[]) => Promise<unknown>;

/** Options of {@link activity}. */
export interface ActivityOptions {
  /** Masks what a failure carries to workflow history. */
  readonly masker?: Masker;
}

function outcomeOf(failure: unknown): string {
  if (failure instanceof CancelledFailure) return 'cancelled';
  return failure instanceof ApplicationFailure ? (failure.type ?? 'Internal') : 'other';
}

/**
 * Wraps an activity: whatever it throws becomes a coded failure (see {@link toFailure}), and its duration goes to the
 * metric `switchyard_activity_seconds` with the outcome (`ok`, `cancelled` or the code).
 * `runWorker` wraps every activity; this is for those that run without it, in tests.
 */
export function activity<A extends readonly unknown[], R>(
  name: string,
  run: (...args: A) => Promise<R>,
  { masker }: ActivityOptions = {},
): (...args: A) => Promise<R> {
  return async (...args) => {
    const { metricMeter } = Context.current();
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      return await run(...args);
    } catch (error) {
      const failure = toFailure(error, masker);
      outcome = outcomeOf(failure);
      throw failure;
    } finally {
      metricMeter
        .createHistogram('switchyard_activity_seconds', 'float', 's', 'Duration of an activity attempt by outcome')
        .record((performance.now() - startedAt) / 1_000, { activity: name, outcome });
    }
  };
}

/** Wraps every activity of a worker. */
export function wrapActivities(
  activities: Readonly<Record<string, ActivityFunction>>,
  options: ActivityOptions,
): Record<string, ActivityFunction> {
  return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, activity(name, run, options)]));
}

/** The texts among some fields of an activity's input. */
function textFields(input: unknown, names: readonly string[]): Record<string, string> {
  if (typeof input !== 'object' || input === null) return {};
  return Object.fromEntries(
    Object.entries(input).filter((entry): entry is [string, string] => {
      const [name, value] = entry;
      return names.includes(name) && typeof value === 'string';
    }),
  );
}

/**
 * Adds `run`, `step` and `attempt` to every log line of an activity. The run is the input's `runId` (else the
 * workflow that called it), the step the input's `step`.
 */
export const activityLogFields: ActivityInterceptorsFactory = (context) => {
  const { attempt, workflowExecution } = context.info;
  let fields: Record<string, unknown> = { run: workflowExecution?.workflowId, attempt };
  return {
    inbound: {
      execute(input, next) {
        const { runId, step } = textFields(input.args[0], ['runId', 'step']);
        fields = { ...fields, ...(runId ? { run: runId } : {}), ...(step ? { step } : {}) };
        return next(input);
      },
    },
    outbound: {
      getLogAttributes: (input, next) => next({ ...input, ...fields }),
    },
  };
};

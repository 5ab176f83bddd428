import { parseOrThrow, STEP_KIND_TRAITS, type RunbookStep } from '@switchyard/contracts';
import {
  evaluate,
  itemsOf,
  KIND_SCHEMAS,
  stepsSpokenOf,
  usesItem,
  type Scope,
  type StepItem,
} from '@switchyard/runbook';
import type { CodedFailure, HoldDecision, Run } from '@switchyard/workflow-kit';
import { ONCE, withRetries, withTimeout, type RetryPolicy } from './attempts.js';
import { aggregate, type ItemResult } from './items/aggregate.js';
import { fanOut } from './items/fan-out.js';
import type { ItemsJob } from './items/item-work.js';
import { fitResult } from './result-size.js';
import { askApproval } from './steps/ask-approval.js';
import { stepFailureOf } from './step-failure.js';
import { performUnit } from './steps/perform.js';
import { childIdOf } from './steps/unit.js';
import { waitForSignal } from './steps/wait-for-signal.js';

/** What a step needs from its run. */
export interface StepContext {
  readonly run: Run;
  readonly scope: Scope;
  readonly runbookDigest: string;
  /** Workflow id that the ids of children begin with. */
  readonly path: string;
  /** How often a person had the step tried again, and what was said the last time. */
  readonly held: number;
  readonly again: HoldDecision | undefined;
  /** Good items of steps that were held: they are not worked on again. Kept by the run. */
  readonly goodItems: Map<string, readonly ItemResult[]>;
  readonly stopsAtFailure: (step: RunbookStep) => boolean;
  /** Called before anything is changed: registers the undoing. */
  readonly beforeEffect: (step: RunbookStep, items: readonly StepItem[] | undefined) => void;
}

/** How a step ended. A failed one may have a result too: the details of its failure, or what its items came to. */
export interface StepEnding {
  readonly result: unknown;
  readonly failure: CodedFailure | null;
}

/** Runs a step whose condition holds: once, or per item. Throws only what ends the run, and what happens before any effect. */
export async function runStep(context: StepContext, step: RunbookStep): Promise<StepEnding> {
  return step.forEach === undefined ? runOnce(context, step) : runPerItem(context, step);
}

async function runOnce(context: StepContext, step: RunbookStep): Promise<StepEnding> {
  const { run, scope, held } = context;
  const resolved = onHosts(context, step, evaluate(step.with, scope, `step "${step.id}", with`));
  const handle = run.step(step.id);
  const policy = retryOf(step);
  const earlier = held * policy.attempts;
  context.beforeEffect(step, undefined);
  try {
    const result = await withRetries(
      policy,
      async (attempt) => {
        if (attempt > 1) await run.checkpoint();
        handle.start(undefined, earlier + attempt);
        return withTimeout(step.timeout, () => perform(context, step, resolved, earlier + attempt));
      },
      (attempt, message) => {
        handle.waiting(`attempt ${attempt} of ${policy.attempts} failed: ${message}`);
        run.event({
          source: 'step',
          type: 'step_retried',
          level: 'warning',
          step: step.id,
          attempt: earlier + attempt,
          message,
        });
      },
    );
    return { result: fitted(run, step, result), failure: null };
  } catch (error) {
    const failure = stepFailureOf(error);
    return { result: fitted(run, step, failure.details), failure };
  }
}

async function perform(context: StepContext, step: RunbookStep, resolved: unknown, attempt: number): Promise<unknown> {
  const { run, scope, runbookDigest, path } = context;
  if (step.uses === 'approval') return askApproval(run, step, resolved, { scope, runbookDigest });
  if (step.uses === 'wait') {
    const { signal, timeout } = parseOrThrow(KIND_SCHEMAS.wait, resolved, `step "${step.id}"`);
    if (signal !== undefined) return waitForSignal(run, step.id, { signal, timeout });
  }
  return performUnit(run, {
    step: step.id,
    uses: step.uses,
    with: resolved,
    retry: step.retry,
    path: `${path}/${step.id}`,
    executionId: run.ref.executionId,
    attempt,
  });
}

/** A person may have a held playbook tried again on some hosts only: the new run takes up the old one. */
function onHosts({ again, held, path }: StepContext, step: RunbookStep, resolved: unknown): unknown {
  if (again?.hosts === undefined || step.uses !== 'ansible') return resolved;
  if (again.hosts === 'failed')
    return { retryOf: childIdOf({ path: `${path}/${step.id}`, attempt: held }), only: 'failed-hosts' };
  const given = typeof resolved === 'string' ? { playbook: resolved } : resolved;
  return { ...(given as object), limit: [...again.hosts] };
}

function retryOf(step: RunbookStep): RetryPolicy {
  if (!step.retry || (STEP_KIND_TRAITS[step.uses].retriesItself && !('retry' in step.with))) return ONCE;
  const { attempts, delay, backoff } = step.retry;
  return { attempts, delay, backoff };
}

function fitted(run: Run, step: RunbookStep, result: unknown): unknown {
  const { value, trimmed } = fitResult(result);
  if (trimmed.length) run.warn(`the result of step "${step.id}" was too large to keep: ${trimmed.join(', ')} left out`);
  return value;
}

async function runPerItem(context: StepContext, step: RunbookStep): Promise<StepEnding> {
  const { run, scope, held } = context;
  const where = `step "${step.id}", forEach`;
  const source = evaluate(step.forEach, scope, where);
  const items = itemsOf(source, where);
  const handle = run.step(step.id);
  handle.start(`0 of ${items.length}`, held + 1);
  context.beforeEffect(step, items);
  const kept = context.goodItems.get(step.id) ?? [];
  const left = items.filter((item) => !kept.some((one) => one.index === item.index));
  const job = itemsJob(step, {
    scope,
    path: `${context.path}/${step.id}`,
    executionId: run.ref.executionId,
    isMap: !Array.isArray(source),
    stopAtFailure: context.stopsAtFailure(step),
    held,
  });
  const ended = await fanOut(run, job, left, step.maxParallel, ({ done, failed }) => {
    const sum = kept.length + done;
    handle.progress(
      Math.floor((sum * 100) / items.length),
      `${sum} of ${items.length}${failed ? `, ${failed} failed` : ''}`,
    );
  });
  const results = [...kept, ...ended.results];
  context.goodItems.set(
    step.id,
    results.filter((one) => one.outcome === 'successful'),
  );
  const result = aggregate({ results, isLean: ended.isLean });
  if (result.trimmed)
    run.warn(
      `step "${step.id}" has too many results to keep: ${result.trimmed === 'results' ? 'those of good items' : 'good items'} left out`,
    );
  const [first] = results.filter((one) => one.outcome === 'failed').toSorted((a, b) => a.index - b.index);
  if (!first) return { result, failure: null };
  const code = failureCodeOf(first);
  const message = `${result.failed} of ${result.total} items failed; item ${first.key ?? first.index}: ${first.error?.message ?? code}`;
  return { result, failure: { code, message, details: result } };
}

const failureCodeOf = (item: ItemResult): CodedFailure['code'] =>
  (item.error?.code ?? 'Internal') as CodedFailure['code'];

/** What is done per item: the step without what is asked once. */
function itemsJob(
  step: RunbookStep,
  at: { scope: Scope; path: string; executionId: string; isMap: boolean; stopAtFailure: boolean; held: number },
): ItemsJob {
  const { uses, when } = step;
  const perItem = usesItem(when) ? String(when) : undefined;
  const policy = retryOf(step);
  const spoken = stepsSpokenOf(perItem, step.with);
  const steps = Object.entries(at.scope.steps).filter(([id]) => spoken === 'all' || spoken.has(id));
  return {
    step: step.id,
    uses,
    with: step.with,
    ...(perItem === undefined ? {} : { when: perItem }),
    retry: policy,
    inner: step.retry,
    ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
    scope: { ...at.scope, steps: Object.fromEntries(steps) },
    path: at.path,
    executionId: at.executionId,
    isMap: at.isMap,
    stopAtFailure: at.stopAtFailure,
    earlierAttempts: at.held * policy.attempts,
  };
}

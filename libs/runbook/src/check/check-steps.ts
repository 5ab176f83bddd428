import { parse, SIGNALS, type Runbook, type RunbookStep } from '@switchyard/contracts';
import type { z } from 'zod';
import { KIND_SCHEMAS } from '../kinds.js';
import { holdsTemplate } from '../template.js';
import { problemAt, problemBelow, type RunbookProblem } from './problem.js';

type CheckInner = (runbook: unknown) => readonly RunbookProblem[] | undefined;

/** Each step by itself: its `with`, its inner runbook, and settings that cannot work together. */
export function checkSteps(runbook: Runbook, inner: CheckInner): readonly RunbookProblem[] {
  const undoes = runbook.onFailure === 'compensate' || runbook.steps.some((step) => step.onFailure === 'compensate');
  const gates = new Set(runbook.steps.filter((step) => step.uses === 'approval').map((step) => step.id));
  return runbook.steps.flatMap((step, i) => {
    const base = ['steps', i] as const;
    const problems = [
      ...checkWith(KIND_SCHEMAS[step.uses], step.with, [...base, 'with']),
      ...checkCombination(step, base, gates),
    ];
    if (step.uses === 'runbook')
      problems.push(...checkInnerRunbook(step.with['runbook'], [...base, 'with', 'runbook'], inner));
    if (step.compensate) {
      const { uses } = step.compensate;
      problems.push(...checkWith(KIND_SCHEMAS[uses], step.compensate.with, [...base, 'compensate', 'with']));
      if (!undoes) {
        const message = 'has no effect: no step, nor the runbook, says `onFailure: compensate`';
        problems.push(problemAt([...base, 'compensate'], message, 'warning'));
      }
    }
    return problems;
  });
}

function checkCombination(
  step: RunbookStep,
  base: readonly (string | number)[],
  gates: ReadonlySet<string>,
): RunbookProblem[] {
  const problems: RunbookProblem[] = [];
  const { forEach, uses } = step;
  if (forEach !== undefined) {
    const waitsForSignal = uses === 'wait' && step.with['signal'] !== undefined;
    if (uses === 'approval' || waitsForSignal) {
      problems.push(
        problemAt(
          [...base, 'forEach'],
          `a step that waits for ${uses === 'approval' ? 'people' : 'a signal'} runs once, not per item`,
        ),
      );
    }
    if (!holdsTemplate(forEach) && (typeof forEach !== 'object' || forEach === null)) {
      problems.push(problemAt([...base, 'forEach'], 'must be a list, a map, or one ${{ }} that gives one'));
    }
  }
  if (uses === 'approval' && step.retry)
    problems.push(problemAt([...base, 'retry'], 'an approval is not asked again: a rejection is an answer'));
  const signal = uses === 'wait' ? step.with['signal'] : undefined;
  if (typeof signal === 'string') {
    if (Object.values(SIGNALS).some((reserved) => reserved === signal)) {
      problems.push(
        problemAt([...base, 'with', 'signal'], `"${signal}" has a fixed meaning for every run; choose another name`),
      );
    }
    if (gates.has(signal)) {
      problems.push(
        problemAt([...base, 'with', 'signal'], `"${signal}" approves the step of that name; choose another name`),
      );
    }
  }
  return problems;
}

function checkInnerRunbook(value: unknown, keys: readonly (string | number)[], inner: CheckInner): RunbookProblem[] {
  // A runbook in a step has its own inputs and steps: its expressions are its own and stay as they are written.
  const problems = value === undefined || typeof value === 'string' ? [] : inner(value);
  if (problems === undefined) return [problemAt(keys, 'is not a runbook (apiVersion, kind, metadata, steps)')];
  return problems.map((problem) => problemBelow(keys, problem));
}

/** The problems of a value that are there whatever its `${{ }}` give. */
function checkWith(schema: z.ZodType, value: unknown, base: readonly (string | number)[]): RunbookProblem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const certain = result.error.issues.filter((issue) => isCertain(issue, value)).flatMap(keysOf);
  const parsed = parse(schema, value);
  if (parsed.ok) return [];
  return parsed.problems
    .filter((problem) => certain.some((keys) => keys.every((key, i) => problem.keys[i] === key)))
    .map((problem) => problemAt([...base, ...problem.keys], problem.message));
}

/** Whether an issue stays when the `${{ }}` at its place gives the best value that it can. */
function isCertain(issue: z.core.$ZodIssue, root: unknown): boolean {
  if (issue.code === 'unrecognized_keys') return true;
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key],
    root,
  );
  if (issue.code === 'invalid_union' && issue.errors.length) {
    return issue.errors.every((branch) => branch.some((inner) => isCertain(inner, value)));
  }
  return !holdsTemplate(value);
}

function keysOf(issue: z.core.$ZodIssue): (string | number)[][] {
  const path = issue.path as (string | number)[];
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
}

import { nearestName, type Runbook, type RunbookStep } from '@switchyard/contracts';
import { celMessage, compile, ITEM_NAMES, referencesOf, type References, type ScopeName } from '../cel.js';
import { ancestorsOf } from '../graph.js';
import { conditionSource, expressionsIn, shorten, type FoundExpression } from '../template.js';
import { problemAt, type RunbookProblem } from './problem.js';
import { secretMadeText, secretProblem } from './secret-in-text.js';

const STEP_FIELDS = ['result', 'outcome', 'error'] as const;

interface Place {
  readonly runbook: Runbook;
  /** Undefined: before the first step. */
  readonly step: RunbookStep | undefined;
  /** Steps whose results are there when the expression is evaluated. */
  readonly visible: ReadonlySet<string>;
  /** Whether `item`, `index` and `key` are there. */
  readonly perItem: boolean;
}

/** Every expression of every step: its syntax, and whether all it refers to is there when it is evaluated. */
export function checkExpressions(runbook: Runbook): readonly RunbookProblem[] {
  const ancestors = ancestorsOf(runbook.steps);
  return runbook.steps.flatMap((step, i) => {
    const visible = ancestors.get(step.id) ?? new Set<string>();
    const perItem = step.forEach !== undefined;
    const base = ['steps', i] as const;
    const problems: RunbookProblem[] = [];
    const onError = (keys: readonly (string | number)[], message: string): void => {
      problems.push(problemAt(keys, message));
    };
    const inItem: Place = { runbook, step, visible, perItem };
    const found: [FoundExpression, Place][] = [];
    for (const one of expressionsIn(step.with, onError, [...base, 'with'])) found.push([one, inItem]);
    for (const one of expressionsIn(step.forEach, onError, [...base, 'forEach']))
      found.push([one, { ...inItem, perItem: false }]);
    for (const one of expressionsIn(step.compensate?.with, onError, [...base, 'compensate', 'with'])) {
      // Undoing happens after the step, so it may use what the step gave.
      found.push([one, { ...inItem, visible: new Set([...visible, step.id]) }]);
    }
    if (typeof step.when === 'string') {
      try {
        found.push([{ keys: [...base, 'when'], source: conditionSource(step.when), isPart: false }, inItem]);
      } catch (error) {
        onError([...base, 'when'], error instanceof Error ? error.message : String(error));
      }
    }
    return [...problems, ...found.flatMap(([one, place]) => checkExpression(one, place))];
  });
}

/** Expressions that are evaluated before the first step: only inputs and `run` are there. */
export function checkEarly(runbook: Runbook, found: readonly FoundExpression[]): readonly RunbookProblem[] {
  const place: Place = { runbook, step: undefined, visible: new Set(), perItem: false };
  return found.flatMap((one) => checkExpression(one, place));
}

function checkExpression({ keys, source, isPart }: FoundExpression, place: Place): readonly RunbookProblem[] {
  const ids = place.runbook.steps.map((step) => step.id);
  let references: References;
  let type: string | undefined;
  let secret: string | undefined;
  try {
    const compiled = compile(source);
    references = referencesOf(compiled.ast);
    const checked = compiled.check();
    if (!checked.valid) {
      return [problemAt(keys, `"${shorten(source)}": ${celMessage(checked.error)}${dashHint(source, ids)}`)];
    }
    type = checked.type;
    secret = secretMadeText(compiled.ast, place.runbook, isPart);
  } catch (error) {
    return [problemAt(keys, `"${shorten(source)}" is not CEL: ${celMessage(error)}`)];
  }
  const messages = [
    ...inputMessages(references, place),
    ...stepMessages(references, place, ids),
    ...itemMessages(references, place),
  ];
  if (keys.at(-1) === 'when' && type !== undefined && !['bool', 'dyn'].includes(type)) {
    messages.push(`gives ${type}, but a condition must be true or false`);
  }
  const problems = messages.map((message) => problemAt(keys, `"${shorten(source)}": ${message}`));
  return secret === undefined ? problems : [...problems, secretProblem(keys, secret)];
}

function inputMessages(references: References, { runbook }: Place): string[] {
  const known = Object.keys(runbook.inputs);
  return [...references.inputs]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearestName(name, known);
      const hint = near
        ? `did you mean "${near}"?`
        : known.length
          ? `inputs: ${known.join(', ')}`
          : 'the runbook declares no inputs';
      return `there is no input "${name}"; ${hint}`;
    });
}

function stepMessages(references: References, { step, visible }: Place, ids: readonly string[]): string[] {
  return [...references.steps].flatMap(([id, fields]) => {
    if (!ids.includes(id)) {
      const near = nearestName(id, ids);
      return [`there is no step "${id}"; ${near ? `did you mean "${near}"?` : `steps: ${ids.join(', ')}`}`];
    }
    if (step === undefined) return [`no step has run by then, so it cannot speak of step "${id}"`];
    if (!visible.has(id)) {
      return [
        id === step.id
          ? `step "${id}" refers to itself`
          : `step "${id}" may not have run by then; add "${id}" to the needs of "${step.id}"`,
      ];
    }
    return [...fields]
      .filter((field) => !STEP_FIELDS.some((known) => known === field))
      .map((field) => {
        const near = nearestName(field, STEP_FIELDS);
        const hint = near ? `did you mean "${near}"?` : `what a step gave is under steps.${id}.result`;
        return `a step has result, outcome and error, no "${field}"; ${hint}`;
      });
  });
}

function itemMessages(references: References, { perItem }: Place): string[] {
  if (perItem) return [];
  return [...references.names]
    .filter((name) => ITEM_NAMES.includes(name as ScopeName))
    .map((name) => `"${name}" is there only inside a step with forEach`);
}

/** CEL reads `steps.my-step` as a subtraction. */
function dashHint(source: string, ids: readonly string[]): string {
  const dashed = ids.find((id) => id.includes('-') && source.includes(`steps.${id}`));
  return dashed ? `; write steps["${dashed}"]` : '';
}

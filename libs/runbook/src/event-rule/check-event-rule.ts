import { misfit, nearestName, type EventRule, type EventRuleFile, type Runbook } from '@switchyard/contracts';
import { celMessage, compile, referencesOf, type Vocabulary } from '../cel.js';
import { checkRunbook } from '../check/check.js';
import { problemAt, problemBelow, type RunbookProblem } from '../check/problem.js';
import { conditionSource, expressionsIn, holdsTemplate, shorten } from '../template.js';
import { FIRING_FIELDS } from './evaluate-event.js';

/** Everything that can be known to be wrong with a rule before its first event. Never throws. */
export function checkEventRule(rule: EventRule): readonly RunbookProblem[] {
  return [
    ...checkRuleExpressions(rule),
    ...checkRuleInputs(rule, rule.runbook),
    ...checkRunbook(rule.runbook).map((problem) => problemBelow(['runbook'], problem)),
  ];
}

/** The expressions of a rule: whether they parse, and speak only of what is there. */
export function checkRuleExpressions(rule: EventRuleFile): readonly RunbookProblem[] {
  const { when, resolveOn, groupBy, poll } = rule;
  const problems: RunbookProblem[] = [
    ...checkSource(['when'], when, 'event', BOOLEAN),
    ...(resolveOn === undefined ? [] : checkSource(['resolveOn'], resolveOn, 'event', BOOLEAN)),
    ...(groupBy === undefined ? [] : checkSource(['groupBy'], groupBy, 'event', GROUP)),
    ...(poll === undefined ? [] : checkSource(['poll', 'events'], poll.events, 'answer', EVENTS)),
  ];
  const onError = (keys: readonly (string | number)[], message: string): void => {
    problems.push(problemAt(keys, message));
  };
  for (const { keys, source } of expressionsIn(rule.inputs, onError, ['inputs'])) {
    problems.push(...checkSource(keys, source, 'firing'));
  }
  return problems;
}

/** What does not fit between the inputs that a rule gives and those that its runbook takes. */
export function checkRuleInputs(rule: Pick<EventRuleFile, 'inputs'>, runbook: Runbook): readonly RunbookProblem[] {
  const declared = Object.keys(runbook.inputs);
  const { name: book } = runbook.metadata;
  const given = Object.entries(rule.inputs).flatMap(([name, value]) => {
    const keys = ['inputs', name] as const;
    const input = Object.hasOwn(runbook.inputs, name) ? runbook.inputs[name] : undefined;
    if (!input) {
      const near = nearestName(name, declared);
      const known = declared.length ? `it takes: ${declared.join(', ')}` : 'it takes no inputs';
      return [problemAt(keys, `runbook "${book}" has no input "${name}"; ${near ? `did you mean "${near}"?` : known}`)];
    }
    const problem = holdsTemplate(value) ? undefined : misfit(input, value);
    return problem ? [problemAt(keys, problem)] : [];
  });
  const missing = Object.entries(runbook.inputs)
    .filter(([name, input]) => input.default === undefined && (input.required ?? true) && !(name in rule.inputs))
    .map(([name, input]) => problemAt(['inputs'], `runbook "${book}" needs the input "${name}" (${input.type})`));
  return [...given, ...missing];
}

/** What the value of an expression must be, by the types that CEL knows; `dyn` fits all. */
interface Wanted {
  readonly fits: (type: string) => boolean;
  readonly words: string;
}

const BOOLEAN: Wanted = { fits: (type) => type === 'bool', words: 'a condition must be true or false' };
const GROUP: Wanted = {
  fits: (type) => ['string', 'int', 'uint', 'double', 'bool'].includes(type),
  words: 'a group is a text, a number or a boolean',
};
const EVENTS: Wanted = {
  fits: (type) => type.startsWith('list') || type.startsWith('map'),
  words: 'it must give an event or a list of events',
};

function checkSource(
  keys: readonly (string | number)[],
  text: string,
  vocabulary: Vocabulary,
  wanted?: Wanted,
): readonly RunbookProblem[] {
  const at = (message: string): readonly RunbookProblem[] => [problemAt(keys, `"${shorten(text)}"${message}`)];
  try {
    const compiled = compile(conditionSource(text), vocabulary);
    const checked = compiled.check();
    if (!checked.valid) return at(`: ${celMessage(checked.error)}`);
    const { type } = checked;
    if (wanted && type !== undefined && type !== 'dyn' && !wanted.fits(type))
      return at(` gives ${type}, but ${wanted.words}`);
    return [...referencesOf(compiled.ast).firing].flatMap((field) => {
      if (FIRING_FIELDS.some((known) => known === field)) return [];
      const near = nearestName(field, FIRING_FIELDS);
      const hint = near ? `did you mean "${near}"?` : `it has: ${FIRING_FIELDS.join(', ')}`;
      return at(`: a firing has no "${field}"; ${hint}`);
    });
  } catch (error) {
    return at(` is not CEL: ${celMessage(error)}`);
  }
}

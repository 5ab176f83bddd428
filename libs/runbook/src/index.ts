export { parseRunbookYaml, type ParsedRunbook } from './yaml.js';
export { formatProblem as formatFileProblem } from '@switchyard/yaml-file';
export type { FileProblem } from './file-problem.js';
export { parseEventRuleYaml, type ParsedEventRule } from './event-rule/parse-event-rule.js';
export { checkEventRule } from './event-rule/check-event-rule.js';
export {
  answeredEvents,
  firingInputs,
  readEvent,
  type EventReading,
  type FiringView,
} from './event-rule/evaluate-event.js';
export { checkRunbook } from './check/check.js';
export type { RunbookProblem } from './check/problem.js';
export { resolveInputs } from './inputs.js';
export { evaluate, evaluateCondition, evaluateExpression, type Scope, type StepView } from './expressions.js';
export { stepsSpokenOf, usesItem } from './spoken-of.js';
export {
  isFinished,
  newSchedule,
  nextSteps,
  planOf,
  settled,
  started,
  stopped,
  type Decision,
  type PlannedStep,
  type Schedule,
  type Settled,
} from './scheduler.js';
export { itemsOf, type StepItem } from './items.js';
export { ancestorsOf } from './graph.js';
export { runbookJsonSchema, type JsonSchema } from './json-schema.js';
export { KIND_SCHEMAS } from './kinds.js';

export { bucketOf } from './bucket.js';
export {
  booleanFlag,
  flagDefinitionSchema,
  FLAG_KINDS,
  flagKeySchema,
  stringFlag,
  type FlagDefinition,
  type FlagKind,
  type FlagRollout,
  type FlagRule,
  type FlagValue,
} from './definition.js';
export {
  evaluateFlag,
  EVALUATION_ERRORS,
  EVALUATION_REASONS,
  type Evaluation,
  type EvaluationContext,
  type EvaluationError,
  type EvaluationReason,
} from './evaluate.js';

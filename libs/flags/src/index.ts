export { bucketOf } from './bucket.js';
export {
  booleanFlag,
  flagDefinitionSchema,
  FLAG_KINDS,
  flagKeySchema,
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
export { writeFlag, type WriteVariant } from './write-flag.js';

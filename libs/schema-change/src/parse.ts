/**
 * Checks the expressions of a change with PostgreSQL's own parser. A separate entry, because the parser is
 * WebAssembly: workflow code must not load it.
 */
export { checkChangeExpressions, type CheckedExpression, type ExpressionsCheck } from './expression/check-change.js';
export { checkExpression, checkType, type ExpressionCheck } from './expression/check.js';

export { isRunOpen, isWorkflowOpen, type RunOwner } from './is-open.js';

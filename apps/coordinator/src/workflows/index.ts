export { RunbookWorkflow } from './runbook-workflow.js';
export { RunbookItemsWorkflow } from './items/items-workflow.js';

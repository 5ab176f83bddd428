export { RunbookWorkflow } from './runbook-workflow.js';
export { RunbookItemsWorkflow } from './items/items-workflow.js';
export { EventRuleWorkflow } from './event-rule/event-rule-workflow.js';

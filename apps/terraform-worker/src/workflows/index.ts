export { TerraformDriftWorkflow } from './terraform-drift-workflow.js';
export { TerraformWorkflow } from './terraform-workflow.js';

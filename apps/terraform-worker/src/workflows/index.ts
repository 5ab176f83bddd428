export { TerraformWorkflow } from './terraform-workflow.js';

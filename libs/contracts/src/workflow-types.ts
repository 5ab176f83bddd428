import { ansibleInputSchema, ansibleResultSchema } from './inputs/ansible.js';
import { migrationInputSchema, migrationResultSchema } from './inputs/migration.js';
import { runbookResultSchema, runbookRunSchema } from './inputs/runbook.js';
import { terraformInputSchema, terraformResultSchema } from './inputs/terraform.js';
import { vmwareDeployInputSchema, vmwareDeployResultSchema } from './inputs/integration/vmware-deploy.js';
import { WORKFLOW_QUEUES, type WorkflowType } from './queues.js';

/** Every workflow type that callers start by name: its queue, the schema of its one argument, and of its result. */
export const WORKFLOW_TYPES = {
  AnsibleWorkflow: {
    taskQueue: WORKFLOW_QUEUES.AnsibleWorkflow,
    input: ansibleInputSchema,
    result: ansibleResultSchema,
  },
  TerraformWorkflow: {
    taskQueue: WORKFLOW_QUEUES.TerraformWorkflow,
    input: terraformInputSchema,
    result: terraformResultSchema,
  },
  DatabaseMigrationWorkflow: {
    taskQueue: WORKFLOW_QUEUES.DatabaseMigrationWorkflow,
    input: migrationInputSchema,
    result: migrationResultSchema,
  },
  RunbookWorkflow: { taskQueue: WORKFLOW_QUEUES.RunbookWorkflow, input: runbookRunSchema, result: runbookResultSchema },
  VmwareDeployWorkflow: {
    taskQueue: WORKFLOW_QUEUES.VmwareDeployWorkflow,
    input: vmwareDeployInputSchema,
    result: vmwareDeployResultSchema,
  },
} as const satisfies Record<WorkflowType, unknown>;

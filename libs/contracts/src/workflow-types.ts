import { ansibleInputSchema, ansibleResultSchema } from './inputs/ansible.js';
import { changeStreamInputSchema, changeStreamResultSchema } from './inputs/change-stream.js';
import { eventRuleInputSchema, eventRuleResultSchema } from './inputs/event-rule.js';
import { kubernetesInputSchema, kubernetesResultSchema } from './inputs/kubernetes.js';
import { migrationInputSchema, migrationResultSchema } from './inputs/migration.js';
import { runbookResultSchema, runbookRunSchema } from './inputs/runbook.js';
import { schemaChangePlanResultSchema, schemaChangeResultSchema } from './inputs/schema-change-result.js';
import { schemaChangeSchema, usersNameSplitSchema } from './inputs/schema-change.js';
import { terraformInputSchema, terraformResultSchema } from './inputs/terraform.js';
import { vmwareDeployInputSchema, vmwareDeployResultSchema } from './inputs/integration/vmware-deploy.js';
import { terraformDriftInputSchema, terraformDriftResultSchema } from './inputs/terraform-drift.js';
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
  TerraformDriftWorkflow: {
    taskQueue: WORKFLOW_QUEUES.TerraformDriftWorkflow,
    input: terraformDriftInputSchema,
    result: terraformDriftResultSchema,
  },
  DatabaseMigrationWorkflow: {
    taskQueue: WORKFLOW_QUEUES.DatabaseMigrationWorkflow,
    input: migrationInputSchema,
    result: migrationResultSchema,
  },
  SchemaChangeWorkflow: {
    taskQueue: WORKFLOW_QUEUES.SchemaChangeWorkflow,
    input: schemaChangeSchema,
    result: schemaChangeResultSchema,
  },
  SchemaChangePlanWorkflow: {
    taskQueue: WORKFLOW_QUEUES.SchemaChangePlanWorkflow,
    input: schemaChangeSchema,
    result: schemaChangePlanResultSchema,
  },
  migrateUsersNameSplitWorkflow: {
    taskQueue: WORKFLOW_QUEUES.migrateUsersNameSplitWorkflow,
    input: usersNameSplitSchema,
    result: schemaChangeResultSchema,
  },
  ChangeStreamWorkflow: {
    taskQueue: WORKFLOW_QUEUES.ChangeStreamWorkflow,
    input: changeStreamInputSchema,
    result: changeStreamResultSchema,
  },
  KubernetesApplyWorkflow: {
    taskQueue: WORKFLOW_QUEUES.KubernetesApplyWorkflow,
    input: kubernetesInputSchema,
    result: kubernetesResultSchema,
  },
  RunbookWorkflow: { taskQueue: WORKFLOW_QUEUES.RunbookWorkflow, input: runbookRunSchema, result: runbookResultSchema },
  EventRuleWorkflow: {
    taskQueue: WORKFLOW_QUEUES.EventRuleWorkflow,
    input: eventRuleInputSchema,
    result: eventRuleResultSchema,
  },
  VmwareDeployWorkflow: {
    taskQueue: WORKFLOW_QUEUES.VmwareDeployWorkflow,
    input: vmwareDeployInputSchema,
    result: vmwareDeployResultSchema,
  },
} as const satisfies Record<WorkflowType, unknown>;

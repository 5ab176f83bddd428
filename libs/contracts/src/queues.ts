/** The task queue of each domain. One queue per worker: all workers on a queue register the same types. */
export const TASK_QUEUES = {
  coordinator: 'coordinator-queue',
  ansible: 'ansible-queue',
  terraform: 'terraform-queue',
  migration: 'database-migration-task-queue',
  cdc: 'cdc-queue',
  kubernetes: 'kubernetes-queue',
  integration: 'integration-queue',
  vmware: 'vmware-task-queue',
} as const;

/** A task queue of Switchyard's own workers. */
export type TaskQueue = (typeof TASK_QUEUES)[keyof typeof TASK_QUEUES];

/** The queue of each workflow type that callers start by name. */
export const WORKFLOW_QUEUES = {
  AnsibleWorkflow: TASK_QUEUES.ansible,
  TerraformWorkflow: TASK_QUEUES.terraform,
  TerraformDriftWorkflow: TASK_QUEUES.terraform,
  DatabaseMigrationWorkflow: TASK_QUEUES.migration,
  SchemaChangeWorkflow: TASK_QUEUES.migration,
  SchemaChangePlanWorkflow: TASK_QUEUES.migration,
  migrateUsersNameSplitWorkflow: TASK_QUEUES.migration,
  ChangeStreamWorkflow: TASK_QUEUES.cdc,
  KubernetesApplyWorkflow: TASK_QUEUES.kubernetes,
  RunbookWorkflow: TASK_QUEUES.coordinator,
  EventRuleWorkflow: TASK_QUEUES.coordinator,
  VmwareDeployWorkflow: TASK_QUEUES.vmware,
} as const;

export type WorkflowType = keyof typeof WORKFLOW_QUEUES;

/** Search attributes that every run carries; all of type Keyword, and never secret. */
export const SEARCH_ATTRIBUTES = {
  kind: 'SwitchyardKind',
  target: 'SwitchyardTarget',
  phase: 'SwitchyardPhase',
  waiting: 'SwitchyardWaiting',
} as const;

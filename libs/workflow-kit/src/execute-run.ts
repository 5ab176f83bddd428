import {
  MEMO,
  WORKFLOW_QUEUES,
  type AnsibleInputGiven,
  type AnsibleResult,
  type ChangeStreamInput,
  type ChangeStreamResult,
  type EventRuleInput,
  type EventRuleResult,
  type KubernetesInputGiven,
  type KubernetesResult,
  type MigrationInputGiven,
  type MigrationResult,
  type RunbookResult,
  type RunbookRun,
  type SchemaChangeGiven,
  type SchemaChangePlanResult,
  type SchemaChangeResult,
  type TerraformDriftInputGiven,
  type TerraformDriftResult,
  type TerraformInputGiven,
  type TerraformResult,
  type VmwareDeployInputGiven,
  type VmwareDeployResult,
  type WorkflowType,
} from '@switchyard/contracts';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
  type Workflow,
} from '@temporalio/workflow';
import { locksAbove } from './locks.js';
import type { Run } from './run.js';

/** The results of Switchyard's workflows by type. */
export interface WorkflowResults {
  readonly AnsibleWorkflow: AnsibleResult;
  readonly TerraformWorkflow: TerraformResult;
  readonly TerraformDriftWorkflow: TerraformDriftResult;
  readonly DatabaseMigrationWorkflow: MigrationResult;
  readonly SchemaChangeWorkflow: SchemaChangeResult;
  readonly SchemaChangePlanWorkflow: SchemaChangePlanResult;
  readonly migrateUsersNameSplitWorkflow: SchemaChangeResult;
  readonly ChangeStreamWorkflow: ChangeStreamResult;
  readonly KubernetesApplyWorkflow: KubernetesResult;
  readonly RunbookWorkflow: RunbookResult;
  readonly EventRuleWorkflow: EventRuleResult;
  readonly VmwareDeployWorkflow: VmwareDeployResult;
}

/** The inputs of Switchyard's workflows by type, as a caller writes them. */
export interface WorkflowInputs {
  readonly AnsibleWorkflow: AnsibleInputGiven | string;
  readonly TerraformWorkflow: TerraformInputGiven;
  readonly TerraformDriftWorkflow: TerraformDriftInputGiven;
  readonly DatabaseMigrationWorkflow: MigrationInputGiven;
  readonly SchemaChangeWorkflow: SchemaChangeGiven;
  readonly SchemaChangePlanWorkflow: SchemaChangeGiven;
  readonly migrateUsersNameSplitWorkflow: Partial<SchemaChangeGiven['spec']> | null;
  readonly ChangeStreamWorkflow: ChangeStreamInput;
  readonly KubernetesApplyWorkflow: KubernetesInputGiven;
  readonly RunbookWorkflow: { runbook: RunbookRun['runbook'] | object; inputs?: Record<string, unknown> };
  readonly EventRuleWorkflow: EventRuleInput | { rule: object };
  readonly VmwareDeployWorkflow: VmwareDeployInputGiven;
}

/** How a child is started. */
export interface ChildOptions {
  /** Default: made by Temporal. Give one that follows from the parent and step, so that people can find it. */
  readonly workflowId?: string;
  /** The run and step that the child is shown under, where the parent is a run of Switchyard. */
  readonly under?: { readonly run: Run; readonly step: string };
  /** Milliseconds; the child is ended by the server afterwards. Default: none. */
  readonly timeout?: number;
  /** One line for Temporal's UI. */
  readonly summary?: string;
  /** Whether the child goes on when its parent ends or is cancelled. Default false: it is asked to end too. */
  readonly isIndependent?: boolean;
}

/**
 * Starts any workflow type on any task queue as a child. When the parent ends, the child is asked to end too, unless it
 * is independent.
 */
export async function startChildOn(
  type: string,
  taskQueue: string,
  args: unknown[],
  options: ChildOptions = {},
): Promise<ChildWorkflowHandle<Workflow>> {
  const { workflowId, under, timeout, summary, isIndependent = false } = options;
  const above = locksAbove(under?.run);
  const memo: Record<string, unknown> = {
    [MEMO.startedBy]: under ? under.run.startedBy : workflowInfo().memo?.[MEMO.startedBy],
    ...(under ? { [MEMO.reportTo]: { workflowId: workflowInfo().workflowId, step: under.step } } : {}),
    ...(above.length > 0 ? { [MEMO.locksAbove]: above } : {}),
  };
  const handle = await startChild(type, {
    taskQueue,
    args,
    parentClosePolicy: isIndependent ? ParentClosePolicy.ABANDON : ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: isIndependent
      ? ChildWorkflowCancellationType.ABANDON
      : ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    memo: Object.fromEntries(Object.entries(memo).filter(([, value]) => value !== undefined)),
    ...(workflowId === undefined ? {} : { workflowId }),
    ...(timeout === undefined ? {} : { workflowExecutionTimeout: timeout }),
    ...(summary === undefined ? {} : { staticSummary: summary }),
  });
  under?.run.child(under.step, { workflowId: handle.workflowId, type });
  return handle;
}

/**
 * Starts a child as {@link startChildOn} and waits for its result. When the parent is cancelled the child is asked to
 * end, and waited for.
 */
export async function executeChildOn<R>(
  type: string,
  taskQueue: string,
  args: unknown[],
  options: ChildOptions = {},
): Promise<R> {
  return (await (await startChildOn(type, taskQueue, args, options)).result()) as R;
}

/** Starts one of Switchyard's workflows as a child on its own queue and waits for its typed result. */
export async function executeRun<T extends WorkflowType>(
  type: T,
  input: WorkflowInputs[T],
  options: ChildOptions = {},
): Promise<WorkflowResults[T]> {
  return executeChildOn<WorkflowResults[T]>(type, WORKFLOW_QUEUES[type], [input], options);
}

/** Runs a playbook from another workflow. */
export const runAnsible = (input: WorkflowInputs['AnsibleWorkflow'], options?: ChildOptions): Promise<AnsibleResult> =>
  executeRun('AnsibleWorkflow', input, options);

/** Plans and applies a stack from another workflow. */
export const runTerraform = (input: TerraformInputGiven, options?: ChildOptions): Promise<TerraformResult> =>
  executeRun('TerraformWorkflow', input, options);

/** Migrates a database from another workflow. */
export const runDatabaseMigration = (input: MigrationInputGiven, options?: ChildOptions): Promise<MigrationResult> =>
  executeRun('DatabaseMigrationWorkflow', input, options);

/** Applies or deletes Kubernetes objects from another workflow. */
export const runKubernetes = (input: KubernetesInputGiven, options?: ChildOptions): Promise<KubernetesResult> =>
  executeRun('KubernetesApplyWorkflow', input, options);

/** Changes a schema under traffic from another workflow. */
export const runSchemaChange = (input: SchemaChangeGiven, options?: ChildOptions): Promise<SchemaChangeResult> =>
  executeRun('SchemaChangeWorkflow', input, options);

/** Runs a runbook from another workflow. */
export const runRunbook = (input: WorkflowInputs['RunbookWorkflow'], options?: ChildOptions): Promise<RunbookResult> =>
  executeRun('RunbookWorkflow', input, options);

/** Deploys machines to VMware from another workflow: Terraform or vCenter, then CMDB, monitoring, notification. */
export const runVmwareDeploy = (input: VmwareDeployInputGiven, options?: ChildOptions): Promise<VmwareDeployResult> =>
  executeRun('VmwareDeployWorkflow', input, options);

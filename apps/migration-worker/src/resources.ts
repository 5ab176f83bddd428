import { join, resolve } from 'node:path';
import { parseDatabases, secretsFromEnv } from '@switchyard/shared-db';
import type { LockOwner, Store } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ActivityOptions } from './activities/index.js';
import { removeDeadScratch } from './programs/scratch.js';
import { createTools } from './tools.js';

/** What the worker holds open. */
export interface Resources extends ActivityOptions {
  readonly store: Store;
}

/** Opens the store, the secrets and the named connections. */
export async function openResources(context: WorkerContext): Promise<Resources> {
  const { config, env, log, masker, name, onClose } = context;
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  const secrets = secretsFromEnv(env);
  onClose('secrets', () => secrets.close());
  const workDirectory = join(config.workDir, name);
  const removed = await removeDeadScratch(workDirectory);
  if (removed > 0) log.info({ removed }, 'removed scratch directories of workers that died');
  return {
    store,
    events,
    deps: {
      databases: parseDatabases(env, secrets),
      allowInlineCredentials: config.allowInlineCredentials,
      roots: config.projectRoots,
      backupRoot: resolve(config.backupDir ?? join('.switchyard', 'backups')),
      workDirectory,
      tools: createTools(env),
      masker,
      reaper: context.reaper,
      store,
      isRunOpen,
      isWorkflowOpen,
      now: () => new Date(),
    },
  };
}

/** Whether that execution is open. A workflow id that is used again is another run. */
async function isRunOpen({ workflowId, executionId }: LockOwner): Promise<boolean> {
  const open = await openExecution(workflowId);
  return open !== undefined && (open.first === null || open.first === executionId);
}

async function isWorkflowOpen(workflowId: string): Promise<boolean> {
  return (await openExecution(workflowId)) !== undefined;
}

/** The execution of a workflow id that is open, by the id of its first one where the server tells it. */
async function openExecution(workflowId: string): Promise<{ readonly first: string | null } | undefined> {
  try {
    const { status, raw } = await getClient().workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' ? { first: raw.workflowExecutionInfo?.firstRunId || null } : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

import { join, resolve } from 'node:path';
import { isRunOpen, isWorkflowOpen } from '@switchyard/run-probe';
import { parseDatabases, secretsFromEnv } from '@switchyard/shared-db';
import type { Store } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
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
      isRunOpen: (owner) => isRunOpen(getClient(), owner),
      isWorkflowOpen: (workflowId) => isWorkflowOpen(getClient(), workflowId),
      now: () => new Date(),
    },
  };
}

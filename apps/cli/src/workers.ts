import { join } from 'node:path';
import { TASK_QUEUES } from '@switchyard/contracts';

/** A worker of the local stack: its program is started by path, since apps never import apps. */
export interface LocalWorker {
  readonly name: string;
  readonly taskQueue: string;
  readonly entry: string;
}

const QUEUES: Readonly<Record<string, string>> = {
  coordinator: TASK_QUEUES.coordinator,
  'ansible-worker': TASK_QUEUES.ansible,
  'terraform-worker': TASK_QUEUES.terraform,
  'migration-worker': TASK_QUEUES.migration,
  'cdc-worker': TASK_QUEUES.cdc,
  'integration-worker': TASK_QUEUES.integration,
  'kubernetes-worker': TASK_QUEUES.kubernetes,
};

/** The workers that `up` starts, as built below the root. */
export function localWorkers(root: string): LocalWorker[] {
  return Object.entries(QUEUES).map(([name, taskQueue]) => ({
    name,
    taskQueue,
    entry: join(root, 'apps', name, 'dist', 'main.js'),
  }));
}

/** The gateway that `up` starts, as built below the root. */
export const localGateway = (root: string): { readonly entry: string } => ({
  entry: join(root, 'apps', 'gateway', 'dist', 'main.js'),
});

import { mkdir } from 'node:fs/promises';
import { SIGNALS } from '@switchyard/contracts';
import { GitSources } from '@switchyard/git-source';
import { isWorkflowOpen } from '@switchyard/run-probe';
import { secretsFromEnv } from '@switchyard/shared-db';
import type { Store } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import { removeDeadWorkspaces } from './play/workspace.js';
import type { AnsibleDeps } from './ports.js';
import { ProjectRequirements } from './requirements/install-requirements.js';
import { storeInputs, storeInventories, storeLedger, storedEvents } from './store-ports.js';

/** What the worker holds open. */
export interface Resources {
  readonly store: Store;
  readonly deps: AnsibleDeps;
}

/** Opens the store and the secrets, and removes what workers that died left in the work directory. */
export async function openResources(context: WorkerContext): Promise<Resources> {
  const { config, env, log, masker, onClose } = context;
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  const secrets = secretsFromEnv(env);
  onClose('secrets', () => secrets.close());
  await mkdir(config.workDir, { recursive: true, mode: 0o700 });
  const removed = await removeDeadWorkspaces(config.workDir);
  if (removed > 0) log.info({ removed }, 'removed the workspaces of workers that died');
  const secret = async (name: string): Promise<string> => {
    const value = (await secrets.get(name)).reveal();
    // Failures and log lines of this worker must not show it either.
    masker.add(value);
    return value;
  };
  const sources = new GitSources({
    workDir: config.workDir,
    env,
    protocols: config.gitProtocols,
    secret,
    reaper: context.reaper,
    ...(config.gitKnownHosts === undefined ? {} : { knownHosts: config.gitKnownHosts }),
  });
  const binDir = config.ansibleBin === undefined ? {} : { binDir: config.ansibleBin };
  const requirements = new ProjectRequirements({ workDir: config.workDir, env, reaper: context.reaper, ...binDir });
  await Promise.all([sources.tidy(), requirements.tidy()]);
  const deps: AnsibleDeps = {
    events,
    eventsOf: storedEvents(store),
    ledger: storeLedger(store),
    inputs: storeInputs(store),
    inventories: storeInventories(store),
    secret,
    sources,
    requirements,
    report: (ref, progress) => getClient().workflow.getHandle(ref.workflowId).signal(SIGNALS.progress, progress),
    isRunning: (workflowId) => isWorkflowOpen(getClient(), workflowId),
    reaper: context.reaper,
    settings: {
      roots: config.projectRoots,
      workDir: config.workDir,
      ...binDir,
      env,
    },
  };
  return { store, deps };
}

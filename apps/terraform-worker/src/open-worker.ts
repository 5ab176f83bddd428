import { mkdir } from 'node:fs/promises';
import { findExecutable } from '@switchyard/process';
import { GitSources } from '@switchyard/git-source';
import { secretsFromEnv } from '@switchyard/shared-db';
import { createRunActivities } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { createActivities } from './activities/create-activities.js';
import { checkWorkerPolicies } from './rego/check-worker-policies.js';
import { sweepWorkDirectories } from './stack/work-directory.js';
import { storePorts } from './store-ports.js';
import { findEngine, type Engine } from './tool/find-engine.js';
import { toolEnvironment, writeCliConfig } from './tool/tool-environment.js';

/** Opens what the worker works with, and makes its activities. */
export async function openWorker(context: WorkerContext) {
  const { config, env, onClose } = context;
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  await mkdir(config.workDir, { recursive: true });
  await sweepWorkDirectories(config.workDir, Date.now());
  const findOpa = (): Promise<string> => findExecutable('opa', { env, variable: 'SWITCHYARD_OPA_BIN' });
  await checkWorkerPolicies({ workDir: config.workDir, workerPolicies: config.terraformPolicies, findOpa });
  const secrets = secretsFromEnv(env);
  onClose('secrets', () => secrets.close());
  const readSecret = async (secret: string): Promise<string> => (await secrets.get(secret)).reveal();
  const sources = new GitSources({
    workDir: config.workDir,
    env,
    protocols: config.gitProtocols,
    secret: readSecret,
    reaper: context.reaper,
    ...(config.gitKnownHosts === undefined ? {} : { knownHosts: config.gitKnownHosts }),
  });
  await sources.tidy();
  return {
    ...createRunActivities(store.db),
    ...createActivities({
      ...storePorts(store, events),
      readSecret,
      sources,
      findEngine: rememberEngines(env),
      findOpa,
      workerPolicies: config.terraformPolicies,
      environment: toolEnvironment(env, await writeCliConfig(config.workDir, config.terraformMirror)),
      roots: config.projectRoots,
      workDir: config.workDir,
      reaper: context.reaper,
    }),
  };
}

/** A program that was found stays where it is; one that was missing may be installed while the worker runs. */
function rememberEngines(env: NodeJS.ProcessEnv): (wanted: Engine['name'] | undefined) => Promise<Engine> {
  const found = new Map<string, Engine>();
  return async (wanted) => {
    const known = found.get(wanted ?? 'any');
    if (known) return known;
    const engine = await findEngine(wanted, env);
    found.set(wanted ?? 'any', engine);
    return engine;
  };
}

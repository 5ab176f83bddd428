import { rm } from 'node:fs/promises';
import { openWorkDirectory } from '../stack/work-directory.js';
import { openRegoPolicies, type RegoOptions } from './rego-policies.js';
import { OPA_LIMITS } from './run-opa.js';

/**
 * Compiles the policies that the worker asks of every plan, when it starts: better no worker than one whose every plan
 * fails. They are read again for each plan, so that a change needs no restart.
 * @throws InvalidInput, ToolMissing
 */
export async function checkWorkerPolicies(options: {
  readonly workDir: string;
  readonly workerPolicies: string | undefined;
  readonly findOpa: RegoOptions['findOpa'];
}): Promise<void> {
  const { workDir, workerPolicies, findOpa } = options;
  if (workerPolicies === undefined) return;
  const { scratch } = await openWorkDirectory(workDir, 'start');
  const opa = { marker: 'start/policies', signal: new AbortController().signal, limits: OPA_LIMITS };
  try {
    await openRegoPolicies({ policies: undefined, roots: [], workerPolicies, findOpa, scratch, opa });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

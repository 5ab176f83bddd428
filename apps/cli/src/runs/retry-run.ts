import { CodedError, WORKFLOW_TYPES, type TakenUpHosts } from '@switchyard/contracts';
import type { Session } from '../session.js';
import { usageError } from '../usage-error.js';
import { describeRun } from './describe-run.js';
import type { RunRequest } from './start-run.js';

/** The words of `--hosts`, and what they are called in the input of a run. */
export const HOSTS_TO_RETRY = {
  failed: 'failed-hosts',
  unreachable: 'unreachable-hosts',
  unfinished: 'unfinished-hosts',
  all: 'all',
} as const satisfies Record<string, TakenUpHosts>;

/**
 * The request for a run that takes up a finished one.
 * @throws CodedError NotFound, InvalidInput for a run that is no playbook, PreflightRefused while it is under way
 */
export async function retryRequest(
  session: Session,
  options: {
    readonly runId: string;
    readonly hosts: keyof typeof HOSTS_TO_RETRY;
    readonly id: string | undefined;
    readonly startedBy: string;
  },
): Promise<RunRequest> {
  const { runId, hosts, id, startedBy } = options;
  const run = await describeRun(session, runId);
  if (run.type !== 'AnsibleWorkflow') {
    throw usageError(
      `"${runId}" is a ${run.type}, and only runs of AnsibleWorkflow keep hosts; a playbook step of a runbook is a run of its own, named RUN/STEP`,
    );
  }
  if (run.status.name === 'RUNNING') {
    throw new CodedError(
      'PreflightRefused',
      `"${runId}" is still under way; wait for its end (\`switchyard runs watch ${runId}\`), or abort it first`,
    );
  }
  return {
    type: run.type,
    taskQueue: WORKFLOW_TYPES.AnsibleWorkflow.taskQueue,
    input: { retryOf: runId, only: HOSTS_TO_RETRY[hosts] },
    runId: id,
    kind: 'ansible',
    startedBy,
  };
}

import { pinSource } from '@switchyard/git-source';
import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import type { AnsibleDeps } from '../ports.js';
import type { AnsibleActivities } from '../workflows/activities.js';
import { collectChanges } from './collect-changes.js';
import { collectHosts } from './collect-hosts.js';
import { BatchRunner } from './run-batch.js';
import { takeUp } from './take-up.js';

/** The activities of the ansible-worker over what the worker has opened. */
export function createActivities(deps: AnsibleDeps): AnsibleActivities {
  const runner = new BatchRunner(deps);
  return {
    runBatch(input) {
      const context = Context.current();
      const isWorkerStopping = (): boolean => context.cancellationDetails?.workerShutdown === true;
      return heartbeatWhile(context, (signal) =>
        runner.run(input, { attempt: context.info.attempt, signal, isWorkerStopping }),
      );
    },
    pinSource(input) {
      const context = Context.current();
      return heartbeatWhile(context, (signal) =>
        pinSource(deps.sources, deps.events, input, { attempt: context.info.attempt, signal }),
      );
    },
    takeUp: (input) => takeUp(deps, input),
    collectChanges: (input) => collectChanges(deps, input),
    collectHosts: ({ ledgerId }) => collectHosts(deps.ledger, ledgerId),
  };
}

import { TASK_QUEUES, type IntegrationActivities, type MigrationInput } from '@switchyard/contracts';
import { activities, type Run } from '@switchyard/workflow-kit';
import type { MigrationActivities, MigrationCall } from '../activities/contract.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

type Quick = 'allowsInlineCredentials' | 'unlockDatabase';

/** The activities of one run, with time-outs that fit its input. */
export interface Calls {
  readonly quick: Pick<MigrationActivities, Quick>;
  readonly work: Omit<MigrationActivities, Quick | 'lockDatabase'>;
  readonly waiting: Pick<MigrationActivities, 'lockDatabase'>;
  readonly integration: Pick<IntegrationActivities, 'notify'>;
}

export function callsFor({ timeout }: MigrationInput): Calls {
  return {
    quick: activities<Pick<MigrationActivities, Quick>>({ startToClose: 30_000, heartbeat: false, attempts: 10 }),
    // Each program has the time-out of the input; an activity runs at most three of them.
    work: activities<Calls['work']>({ startToClose: 3 * timeout + 5 * MINUTE_MS }),
    waiting: activities<Calls['waiting']>({ startToClose: 7 * DAY_MS, attempts: Infinity }),
    // Nobody may be there to notify: then it is a warning, not a reason to wait.
    integration: activities<Calls['integration']>({
      taskQueue: TASK_QUEUES.integration,
      startToClose: 30_000,
      heartbeat: false,
      attempts: 3,
      scheduleToStart: 15_000,
      scheduleToClose: MINUTE_MS,
    }),
  };
}

/** What every activity is told about the run. */
export function callOf(run: Run, input: MigrationInput): MigrationCall {
  return {
    ref: run.ref,
    target: { database: input.database ?? null, databaseUrl: input.databaseUrl ?? null },
    changes:
      input.changelogFile !== undefined
        ? {
            kind: 'liquibase',
            file: input.changelogFile,
            contexts: input.contexts ?? [],
            labels: input.labels ?? null,
            parameters: input.parameters,
          }
        : { kind: 'sql', directory: input.migrationsDir ?? '' },
    onFailure: input.onFailure,
    timeoutMs: input.timeout,
  };
}

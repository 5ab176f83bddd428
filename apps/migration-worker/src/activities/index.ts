import {
  CodedError,
  SIGNALS,
  type ChangeFileActivities,
  type ProgressReport,
  type RunRef,
} from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import type { EventWriter } from '@switchyard/store';
import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import type { Call } from '../call.js';
import { createProgress } from '../progress.js';
import { apply, applied } from './apply.js';
import { backup } from './backup.js';
import type { MigrationActivities } from './contract.js';
import type { ChangeActivities } from '../change/contract.js';
import type { Dependencies } from './dependencies.js';
import { createChangeActivities } from './schema-change.js';
import { readLoad } from './load.js';
import { lock, unlock } from './lock.js';
import { markStart } from './mark-start.js';
import { preflight } from './preflight.js';
import { readChangeFile } from './read-change-file.js';
import { restore, rollBack } from './roll-back.js';
import { validate } from './validate.js';

/** The steps as the status of a migration names them. */
type Step = 'preflight' | 'lock' | 'load' | 'backup' | 'update' | 'validate' | 'undo';

/** What the activities need beside their dependencies. */
export interface ActivityOptions {
  readonly deps: Dependencies;
  readonly events: Pick<EventWriter, 'write' | 'flush'>;
}

/** The activities of the worker. Each heartbeats, stores its events before it answers, and can be called again. */
export function createActivities({
  deps,
  events,
}: ActivityOptions): MigrationActivities & ChangeActivities & ChangeFileActivities {
  const as =
    <I extends { readonly ref: RunRef }, R>(
      step: Step,
      work: (deps: Dependencies, input: I, call: Call) => Promise<R>,
    ) =>
    (input: I): Promise<R> =>
      inCall({
        source: 'migration',
        step,
        ref: input.ref,
        events,
        masker: deps.masker,
        work: (call) => work(deps, input, call),
      });
  const changes = createChangeActivities(
    deps,
    (work) => (input) =>
      inCall({
        source: 'schema-change',
        step: input.step,
        ref: input.ref,
        events,
        masker: deps.masker,
        work: (call) => work(deps, input, call),
      }),
  );
  return {
    ...changes,
    readChangeFile: (call) => readChangeFile(deps, call),
    allowsInlineCredentials: () => Promise.resolve(deps.allowInlineCredentials),
    preflightMigration: as('preflight', preflight),
    lockDatabase: as('lock', lock),
    unlockDatabase: (input) => unlock(deps, input),
    readLoad: as('load', readLoad),
    backupDatabase: as('backup', backup),
    markStart: as('update', markStart),
    applyChanges: as('update', apply),
    readApplied: as('update', applied),
    validateChanges: as('validate', validate),
    rollBackChanges: as('undo', rollBack),
    restoreBackup: as('undo', restore),
  };
}

interface InCall<R> {
  readonly source: 'migration' | 'schema-change';
  readonly step: string;
  readonly ref: RunRef;
  readonly events: ActivityOptions['events'];
  readonly masker: Masker;
  readonly work: (call: Call) => Promise<R>;
}

async function inCall<R>({ source, step, ref, events, masker, work }: InCall<R>): Promise<R> {
  const context = Context.current();
  const { attempt, activityType, scheduledTimestampMs } = context.info;
  const report = (progress: ProgressReport): void => {
    // A report that is lost costs a moment of progress, nothing more.
    void context.client.workflow
      .getHandle(ref.workflowId)
      .signal(SIGNALS.progress, progress)
      .catch(() => undefined);
  };
  const progress = createProgress((percent, detail) => report({ step, progress: percent, detail }));
  try {
    return await heartbeatWhile(context, (signal) =>
      work({
        ref,
        attempt,
        scheduledAt: new Date(scheduledTimestampMs),
        signal,
        marker: `${ref.executionId}/${ref.workflowId}/${activityType}/${attempt}`,
        progress,
        record: (event) =>
          events.write({
            source,
            at: new Date().toISOString(),
            ...event,
            message: masker.mask(event.message),
            data: masker.maskValue(event.data ?? {}) as Record<string, unknown>,
            runId: ref.runId,
            workflowId: ref.workflowId,
            step,
            attempt,
          }),
      }),
    );
  } catch (error) {
    // The workflow waits for a database in sight of everybody; Temporal's own retries would be invisible.
    if (error instanceof CodedError && WAITED_FOR.has(error.code) && error.retryable) {
      throw new CodedError(error.code, error.message, { details: error.details, cause: error.cause, retryable: false });
    }
    throw error;
  } finally {
    await events.flush();
  }
}

const WAITED_FOR: ReadonlySet<string> = new Set(['DatabaseUnreachable', 'LockUnavailable']);

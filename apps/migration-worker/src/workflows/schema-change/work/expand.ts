import type { EventName } from '@switchyard/schema-change';
import { fail } from '@switchyard/workflow-kit';
import { BEFORE_THE_CHANGE, patiently } from '../../patience.js';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { catchUp, ONE_BARRIER } from './prove.js';

/** Looks and plans; takes the lock of the table, so that two changes of it follow each other. */
export async function preflight(changing: Changing, step: string): Promise<EventName> {
  const { run, change } = changing;
  const planned = await patiently(run, step, BEFORE_THE_CHANGE, () =>
    calls.short.planSchemaChange({ ref: run.ref, step, change }),
  );
  for (const { level, message } of planned.findings) if (level === 'warning') run.warn(message);
  if (!planned.passed) {
    const obstacles = planned.findings.filter(({ level }) => level === 'obstacle');
    const words = obstacles.map(({ subject, message, fix }) => `${subject}: ${message} ${fix}`);
    changing.ending = fail('PreflightRefused', words.join('\n'), { findings: planned.findings });
    return 'refused';
  }
  changing.planned = planned;
  changing.definition = planned.definition;
  await takeLock(changing, step);
  const { total, longestExclusiveMs } = planned.plan;
  const megabytes = Math.round(total.walBytes / 1e6);
  run
    .step(step)
    .progress(
      100,
      `about ${total.rows} rows, ${Math.round(total.seconds)} s, ${megabytes} MB of WAL; everyone waits at most ${longestExclusiveMs} ms`,
    );
  return 'done';
}

async function takeLock(changing: Changing, step: string): Promise<void> {
  const call = changing.call(step);
  const { lock, isAcquired } = await calls.long.lockTable({ ...call, waits: false });
  changing.lock = lock;
  if (isAcquired) return;
  await changing.run.waitFor({ kind: 'lock', name: lock }, () => calls.long.lockTable({ ...call, waits: true }));
}

/** Gives the lock back, however the run ended. */
export async function releaseLock(changing: Changing): Promise<void> {
  const { lock, run } = changing;
  if (lock === undefined) return;
  changing.lock = undefined;
  await calls.quick.unlockTable({ ref: run.ref, lock });
}

export async function expand(changing: Changing, step: string): Promise<EventName> {
  changing.definition = await changing.patient(step, () => calls.short.expandSchema(changing.guarded(step)));
  return 'done';
}

/** Starts the stream, and waits until it has applied something. Again after it was lost: then everything is derived again. */
export async function connect(changing: Changing, step: string): Promise<EventName> {
  await changing.patient(step, () => calls.short.ensureMigrationWorker(changing.call(step)));
  changing.pass++;
  const stream = await changing.startStream(step, changing.mode);
  await changing.withStream(() => catchUp(changing, step, ONE_BARRIER));
  return stream.isAlive ? 'done' : 'streamLost';
}

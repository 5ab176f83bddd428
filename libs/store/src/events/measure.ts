import { randomUUID } from 'node:crypto';
import type { NewEventInput } from '@switchyard/contracts';
import { count, rows, type Db } from '../sql.js';
import { createEventWriter } from './writer.js';
import { z } from 'zod';

/** What {@link measureEventRate} found. */
export interface EventRate {
  readonly events: number;
  readonly durationMs: number;
  readonly perSecond: number;
  /** Rows in the table afterwards; it is `events` when nothing was lost or doubled. */
  readonly inTable: number;
}

/**
 * Writes events of the size of an Ansible task result through one writer as fast as it takes them, and counts what is
 * stored. For benchmarks: the run id is new each time, and the rows stay.
 */
export async function measureEventRate(
  db: Db,
  options: { readonly events: number; readonly runs?: number },
): Promise<EventRate> {
  const runs = Array.from({ length: options.runs ?? 4 }, () => `bench-${randomUUID()}`);
  const writer = createEventWriter(db);
  const start = performance.now();
  for (let i = 0; i < options.events; i++) {
    const runId = runs[i % runs.length] ?? '';
    await writer.write(sampleEvent(runId, i));
  }
  await writer.flush();
  const durationMs = performance.now() - start;
  await writer.close();
  const [row] = await rows(
    db,
    z.object({ n: count }),
    'select count(distinct (run_id, seq)) as n from switchyard.events where run_id = any(:runs::text[])',
    { runs },
  );
  return {
    events: options.events,
    durationMs,
    perSecond: Math.round(options.events / (durationMs / 1_000)),
    inTable: row?.n ?? 0,
  };
}

function sampleEvent(runId: string, i: number): NewEventInput {
  return {
    runId,
    workflowId: runId,
    step: 'configure',
    source: 'ansible',
    type: 'host_ok',
    subject: `host-${i % 500}`,
    message: `changed: [host-${i % 500}] install packages`,
    data: {
      task: 'install packages',
      action: 'apt',
      changed: true,
      durationMs: 1200,
      result: { rc: 0, stdout: 'x'.repeat(300) },
    },
    at: new Date().toISOString(),
  };
}

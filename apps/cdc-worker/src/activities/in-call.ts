import { SIGNALS, type NewEventInput } from '@switchyard/contracts';
import { withChangeSession, type ChangeSession } from '@switchyard/change-database';
import type { DatabaseConnection } from '@switchyard/shared-db';
import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import type { MetricMeter } from '@temporalio/common';
import type { StreamCall } from './contract.js';
import type { StreamPorts } from './ports.js';

/** What the code of an activity knows about its call. */
export interface Call {
  readonly connection: DatabaseConnection;
  readonly signal: AbortSignal;
  readonly metrics: MetricMeter;
  /** Opens a session with the settings of the change. */
  readonly open: <T>(part: string, use: (session: ChangeSession) => Promise<T>) => Promise<T>;
  /** Stores an event of the run. */
  readonly record: (event: Pick<NewEventInput, 'type' | 'message'> & Partial<NewEventInput>) => Promise<void>;
  /** Shows how the stream stands; costs history, so seldom. A report that is lost costs nothing. */
  readonly show: (detail: string) => void;
}

/** The step under which a stream is shown. */
export const STREAM_STEP = 'stream';

/** Runs the work of one call with heartbeats, and stores its events before it answers. */
export async function inCall<R>(
  ports: StreamPorts,
  { ref, stream }: StreamCall,
  work: (call: Call) => Promise<R>,
): Promise<R> {
  const context = Context.current();
  const { client, info, metricMeter } = context;
  const connection = await ports.databases.resolve(stream.database);
  try {
    return await heartbeatWhile(context, (signal) =>
      work({
        connection,
        signal,
        metrics: metricMeter.withTags({ change: stream.names.slot }),
        open: (part, use) =>
          withChangeSession(
            { connection, name: `${stream.names.slot}:${part}`.slice(0, 63), shape: stream.shape, signal },
            use,
          ),
        record: (event) =>
          ports.events.write({
            source: 'stream',
            at: new Date().toISOString(),
            ...event,
            runId: ref.runId,
            workflowId: ref.workflowId,
            step: STREAM_STEP,
            attempt: info.attempt,
          }),
        show: (detail) =>
          void client.workflow
            .getHandle(ref.workflowId)
            .signal(SIGNALS.progress, { step: STREAM_STEP, progress: 0, detail })
            .catch(() => undefined),
      }),
    );
  } finally {
    await ports.events.flush();
  }
}

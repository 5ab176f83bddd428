import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamMode } from '@switchyard/contracts';
import { changeSchema, controlRows, passBarrier, STREAM_WRITER, type ChangeSession } from '@switchyard/change-database';
import { dropSlot } from '@switchyard/pgoutput';
import { dropOrigins, dropPublication } from '@switchyard/schema-change';
import { sqlStateOf } from '@switchyard/shared-db';
import type { StreamCall, StreamPosition } from './contract.js';
import type { Call } from './in-call.js';

const DRAIN_WITHIN_MS = 60 * 60_000;
const WAIT_FOR_READER_MS = 20_000;

/** Waits until everything that is committed by now is applied. */
export async function drainStream(
  { stream, mode }: StreamCall & { readonly mode: StreamMode },
  call: Call,
): Promise<void> {
  await call.open('drain', (session) =>
    passBarrier(session, {
      change: stream.shape.id,
      messagePrefix: stream.names.messagePrefix,
      mode,
      withinMs: DRAIN_WITHIN_MS,
      signal: call.signal,
      onWait: ({ barrier, applied }) => call.show(`draining: applied up to ${applied ?? 'nothing yet'} of ${barrier}`),
    }),
  );
}

/** Where the stream stands. */
export async function readStream({ stream }: StreamCall, call: Call): Promise<StreamPosition> {
  const rows = await call.open('read', (session) => controlRows(session, stream.shape.id));
  const row = rows.find(({ writer }) => writer === STREAM_WRITER);
  return { position: row?.lsn ?? null, epoch: row?.epoch ?? '0', rowsWritten: row?.rows_written ?? 0 };
}

/** Drops slot, publication and origins: nothing keeps the log for this stream any more. Safe to repeat. */
export async function releaseStream({ stream }: StreamCall, call: Call): Promise<void> {
  const { names, shape } = stream;
  await call.open('release', async (session) => {
    // The slot first: it is what fills a disk. Whoever still reads it has been fenced off or is gone.
    await dropSlot(session, names.slot, { waitMs: WAIT_FOR_READER_MS, terminate: true, signal: call.signal });
    await changeSchema(session, {
      statements: [dropPublication(names.publication)],
      tables: [shape.source],
      signal: call.signal,
    });
    await dropOriginsPatiently(session, names.origin, call.signal);
  });
  await call.record({ type: 'stream_released', message: `slot and publication ${names.slot} are gone` });
}

/** An origin can be dropped when the session that held it has ended, which takes the server a moment. */
async function dropOriginsPatiently(session: ChangeSession, prefix: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      await session.run(dropOrigins(prefix));
      return;
    } catch (error) {
      // object_in_use; insufficient_privilege: then there never was one of ours.
      if (sqlStateOf(error) === '42501') return;
      if (sqlStateOf(error) !== '55006' || attempt >= MOST_ATTEMPTS) throw error;
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two attempts
    await sleep(ATTEMPT_EVERY_MS, undefined, { signal });
  }
}

const MOST_ATTEMPTS = 40;
const ATTEMPT_EVERY_MS = 250;

import { CodedError } from '@switchyard/contracts';
import {
  changeSchema,
  FencedOff,
  markWrites,
  originOf,
  STREAM_WRITER,
  type ChangeSession,
} from '@switchyard/change-database';
import { otherOrigins, setPublicationTables, type Shape, type TableName } from '@switchyard/schema-change';
import { z } from 'zod';
import { runApplier } from '../applier/applier.js';
import { describeReport, StreamFigures } from '../applier/figures.js';
import { openLogSource } from '../source/log-source.js';
import type { RunStreamInput } from './contract.js';
import type { Call } from './in-call.js';
import { watchStream } from './watch-stream.js';

/** Applies the changes of one stream in one mode, until the call is cancelled or fails. */
export function runStream({ stream, identity, mode }: RunStreamInput, call: Call): Promise<void> {
  const { names, shape } = stream;
  return call.open('apply', (session) =>
    call.open('watch', async (observer) => {
      await publishSides(observer, call, {
        publication: names.publication,
        tables: publishedIn(shape, mode.direction),
      });
      const isMarked = await markWrites(session, originOf(names.origin, STREAM_WRITER));
      const [{ others } = { others: 1 }] = await observer.rows(
        z.object({ others: z.number() }),
        otherOrigins(names.origin),
      );
      const figures = new StreamFigures(stream.maxSlotWalBytes);
      const stopWatching = watchStream({ observer, slot: names.slot, figures, call, mode });
      await call.record({
        type: 'stream_started',
        message: `the stream goes ${mode.direction}, by what is ${mode.relation}`,
        data: { mode, ownWritesMarked: isMarked },
      });
      try {
        await runApplier({
          session,
          shape,
          mode,
          batchTargetMs: stream.batchTarget,
          figures,
          signal: call.signal,
          openSource: (applied) =>
            openLogSource({
              connection: call.connection,
              name: `${names.slot}:read`.slice(0, 63),
              stream,
              identity,
              applied: applied ?? identity.createdAt,
              onlyOurOrigins: isMarked && others === 0,
              signal: call.signal,
            }),
          onParked: (key, reason) =>
            void call.record({
              type: 'key_parked',
              level: 'warning',
              subject: key.join(', '),
              message: `a row is parked, the others go on: ${reason}`,
            }),
        });
      } catch (error) {
        throw error instanceof FencedOff ? takenOver(error) : error;
      } finally {
        await stopWatching();
        call.show(describeReport(figures.report, mode.direction));
      }
    }),
  );
}

/** Two streams of one change would take it from each other for ever. */
function takenOver(cause: FencedOff): CodedError {
  return new CodedError('StreamLost', `${cause.message}: another stream of this change runs somewhere`, {
    details: { reason: 'taken-over' },
    cause,
  });
}

/** In reverse the new table is read; the old one too, for what was committed before the turn. */
function publishedIn(shape: Shape, direction: 'forward' | 'reverse'): readonly TableName[] {
  return shape.sameRow || direction === 'forward' ? [shape.source] : [shape.source, shape.target];
}

async function publishSides(
  session: ChangeSession,
  call: Call,
  { publication, tables }: { readonly publication: string; readonly tables: readonly TableName[] },
): Promise<void> {
  const published = await session.rows(z.object({ schema: z.string(), name: z.string() }), {
    text: `select schemaname::text as schema, tablename::text as name from pg_publication_tables where pubname = $1`,
    values: [publication],
  });
  const isSame =
    published.length === tables.length &&
    tables.every((table) => published.some(({ schema, name }) => schema === table.schema && name === table.name));
  if (isSame) return;
  await changeSchema(session, {
    statements: [setPublicationTables(publication, tables)],
    tables,
    signal: call.signal,
  });
}

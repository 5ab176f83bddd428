import type { StreamMode } from '@switchyard/contracts';
import {
  ensureControl,
  markWrites,
  originOf,
  passBarrier,
  STREAM_WRITER,
  withChangeSession,
  type ChangeSession,
} from '@switchyard/change-database';
import { createSlot, type SlotIdentity } from '@switchyard/pgoutput';
import { createPublication, parityOfRange, type Relation, type Shape } from '@switchyard/schema-change';
import { parseDatabaseUrl, type DatabaseConnection } from '@switchyard/shared-db';
import { createTestDatabase, type PostgresForTests } from '@switchyard/testkit';
import pg from 'pg';
import { z } from 'zod';
import { runApplier } from '../../src/applier/applier.js';
import { StreamFigures, type StreamReport } from '../../src/applier/figures.js';
import type { ChangeSource } from '../../src/source/change-source.js';
import { openLogSource } from '../../src/source/log-source.js';

const FORWARD: StreamMode = { direction: 'forward', relation: 'derived' };

/** An applier at work. */
export interface Running {
  readonly report: () => StreamReport;
  /** Keys that it parked, with the reasons. */
  readonly parked: readonly { readonly key: string; readonly reason: string }[];
  /** How it ended: rejects unless it was stopped. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Options of an applier. */
export interface StartOptions {
  readonly mode?: StreamMode;
  /** Default: the slot of the database. */
  readonly source?: ChangeSource;
  /** Default true: the server leaves out what the applier writes. */
  readonly isMarked?: boolean;
}

/** A database with a table, its publication and slot, and the control tables. */
export interface StreamDatabase extends AsyncDisposable {
  readonly shape: Shape;
  readonly connection: DatabaseConnection;
  readonly sql: <R extends object = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<R[]>;
  /** A client of its own, closed at the end. */
  readonly client: () => Promise<pg.Client>;
  readonly open: <T>(use: (session: ChangeSession) => Promise<T>) => Promise<T>;
  readonly start: (options?: StartOptions) => Promise<Running>;
  /** Waits until everything that is committed by now is applied. */
  readonly caughtUp: (mode?: StreamMode) => Promise<void>;
  readonly parity: (relation?: Relation) => Promise<{ rows: number; differing: number }>;
}

/** Makes a database with the tables of `ddl`, ready for a stream of the shape. */
export async function openStreamDatabase(
  shape: Shape,
  ddl: string,
  server?: PostgresForTests,
): Promise<StreamDatabase> {
  const database = await createTestDatabase(server ? { server } : {});
  const connection = parseDatabaseUrl(database.url);
  const names = {
    slot: `${database.name}_slot`,
    publication: 'switchyard_test',
    origin: `${database.name}_`,
    constraintPrefix: 'sy_',
    messagePrefix: 'switchyard',
  };
  const clients: pg.Client[] = [];
  const running: Running[] = [];
  const client = async (): Promise<pg.Client> => {
    const opened = new pg.Client({ connectionString: database.url });
    opened.on('error', () => undefined);
    await opened.connect();
    clients.push(opened);
    return opened;
  };
  const main = await client();
  await main.query(ddl);
  const open = <T>(use: (session: ChangeSession) => Promise<T>, signal = new AbortController().signal): Promise<T> =>
    withChangeSession({ connection, name: 'test', shape, signal }, use);
  const identity: SlotIdentity = await open(async (session) => {
    await ensureControl(session);
    await session.run(createPublication(names.publication, [shape.source]));
    return open((observer) =>
      createSlot({ slot: names.slot, publications: [names.publication], session, observer, waitMs: 10_000 }),
    );
  });

  const start = ({ mode = FORWARD, source, isMarked = true }: StartOptions = {}): Promise<Running> => {
    const stop = new AbortController();
    const { signal } = stop;
    const figures = new StreamFigures(1e9);
    const parked: { key: string; reason: string }[] = [];
    const ready = Promise.withResolvers<void>();
    const work = open(async (session) => {
      if (isMarked) await markWrites(session, originOf(names.origin, STREAM_WRITER));
      await runApplier({
        session,
        shape,
        mode,
        batchTargetMs: 25,
        figures,
        signal,
        openSource: async (applied) => {
          const opened =
            source ??
            (await openLogSource({
              connection,
              name: 'test-reader',
              stream: { shape: asInput(shape), names },
              identity,
              applied: applied ?? identity.createdAt,
              onlyOurOrigins: isMarked,
              signal,
            }));
          ready.resolve();
          return opened;
        },
        onParked: (key, reason) => parked.push({ key: key.join('/'), reason }),
      });
    }, signal);
    const ended = work.catch((error: unknown) => {
      ready.reject(error);
      if (!signal.aborted) throw error;
    });
    // Whoever wants to know awaits `ended` itself; a test that failed before leaves nobody who does.
    ended.catch(() => undefined);
    const one: Running = {
      report: () => figures.report,
      parked,
      ended,
      stop: async () => {
        stop.abort();
        await ended.catch(() => undefined);
      },
    };
    running.push(one);
    return ready.promise.then(() => one);
  };

  return {
    shape,
    connection,
    sql: async (text, values = []) => (await main.query(text, values)).rows as never,
    client,
    open,
    start,
    async caughtUp(mode = FORWARD) {
      await open((session) =>
        passBarrier(session, {
          change: shape.id,
          messagePrefix: names.messagePrefix,
          mode,
          withinMs: 60_000,
          signal: new AbortController().signal,
        }),
      );
    },
    async parity(relation = 'derived') {
      const [counted] = await open((session) =>
        session.rows(counts, parityOfRange(shape, relation, { after: null, upTo: null })),
      );
      if (!counted) throw new Error('parity gave no row');
      return counted;
    },
    async [Symbol.asyncDispose]() {
      for (const one of running) await one.stop();
      for (const one of clients) await one.end();
      await database.drop();
    },
  };
}

const counts = z.object({ rows: z.string().transform(Number), differing: z.string().transform(Number) });

const asInput = (shape: Shape) => ({
  ...shape,
  key: [...shape.key],
  columns: [...shape.columns],
  reverse: [...shape.reverse],
});

import { CodedError } from '@switchyard/contracts';
import {
  openReplicationSession,
  quoteIdent,
  sqlStateOf,
  toDatabaseError,
  type DatabaseConnection,
} from '@switchyard/shared-db';
import { z } from 'zod';
import { StreamLostError, toStreamError } from '../errors.js';
import { formatLsn, type Lsn } from '../lsn.js';
import { quoteLiteral } from '../quote-literal.js';
import { checkSlot, type SlotIdentity } from '../slot/identity.js';
import { simpleQueries, type QueryPort } from '../slot/query-port.js';
import { takeSlotLock } from '../slot/slot-lock.js';
import { slotName } from '../slot/slot-state.js';
import { Spools } from '../spool/spools.js';
import { runStream, type ChangeStream } from './change-stream.js';
import type { StreamListeners } from './listeners.js';

/** Options of {@link openChangeStream}. */
export interface ChangeStreamOptions {
  readonly connection: DatabaseConnection;
  /** Shown by the server, at most 63 bytes; a second reader of the slot is told it. */
  readonly applicationName: string;
  /** What `createSlot` gave. */
  readonly identity: SlotIdentity;
  /** Up to where everything is applied, as stored by the caller; at first `createdAt` of the identity. The stream begins there. */
  readonly applied: Lsn;
  readonly publications: readonly [string, ...string[]];
  /**
   * Takes large transactions while they run (protocol 2) and keeps them in files of this directory until they commit. The
   * directory is for the streams of one cluster. Default: the server keeps them, and sends them at their commit (protocol 1).
   */
  readonly spool?: { readonly directory: string };
  /**
   * Leaves out what was written under a replication origin. Before PostgreSQL 16 the server cannot; then `filtersOrigins` of
   * the stream is false, the begin of a transaction names its origin, and `spool` is refused, because the begin of a large
   * transaction does not. Default: false.
   */
  readonly withoutOrigins?: boolean;
  /** Bytes that may wait for the consumer before the socket is no longer read. Default: 16 MiB. */
  readonly bufferBytes?: number;
  /** Bytes that others have to write before an idle event says so. Default: 16 MiB, a file of the log: the server removes whole ones. */
  readonly idleBytes?: number;
  /** Milliseconds to wait for a slot that another session reads. Default: 10 000. */
  readonly lockWaitMs?: number;
  /** Milliseconds without a word of the server after which the connection counts as lost. Default: 120 000. */
  readonly silenceMs?: number;
  /** Milliseconds for an orderly end, before the connection is cut. Default: 5 000. */
  readonly closeMs?: number;
  readonly listeners?: StreamListeners;
  /** Ends the stream in order; its reader is given the reason. */
  readonly signal?: AbortSignal;
}

const MEBIBYTE = 1024 * 1024;
const MAX_STATUS_EVERY_MS = 10_000;

/**
 * Opens the stream of a slot, after the proof that nothing is missing between the applied position and now. Rejects with
 * StreamLostError when something is, LockUnavailable when another session reads the slot, DatabaseUnreachable, AuthFailed.
 */
export async function openChangeStream(options: ChangeStreamOptions): Promise<ChangeStream> {
  const { connection, applicationName, identity, applied, signal } = options;
  const slot = slotName(identity.slot);
  signal?.throwIfAborted();
  const session = await openReplicationSession(connection, { applicationName });
  // A session that is cut ends whatever the server does for it, so nothing below waits longer than the caller does.
  const cut = (): void => void session.connection.stream.destroy();
  signal?.addEventListener('abort', cut, { once: true });
  try {
    signal?.throwIfAborted();
    const db = simpleQueries(session);
    await setTextFormats(db);
    await takeSlotLock(db, slot, { waitMs: options.lockWaitMs ?? 10_000, signal });
    await checkSlot(db, identity, applied);
    const server = await readServer(db);
    const filtersOrigins = options.withoutOrigins === true && server.version >= 160_000;
    if (options.withoutOrigins === true && !filtersOrigins && options.spool !== undefined) {
      throw new CodedError(
        'PreflightRefused',
        `PostgreSQL before 16 cannot leave out transactions with an origin, nor name the origin of one that it sends before its end; read the slot ${slot} without a spool`,
      );
    }
    const stream = await runStream({
      session,
      command: startCommand(options, filtersOrigins),
      slot,
      applied,
      spools: options.spool === undefined ? undefined : new Spools(options.spool.directory, slot),
      filtersOrigins,
      statusEveryMs: statusEvery(server.walSenderTimeoutMs),
      silenceMs: options.silenceMs ?? 120_000,
      closeMs: options.closeMs ?? 5_000,
      bufferBytes: options.bufferBytes ?? 16 * MEBIBYTE,
      idleBytes: options.idleBytes ?? 16 * MEBIBYTE,
      listeners: options.listeners ?? {},
      signal,
    });
    signal?.removeEventListener('abort', cut);
    return stream;
  } catch (error) {
    const isLost = session.__knex__disposed !== undefined;
    signal?.removeEventListener('abort', cut);
    cut();
    signal?.throwIfAborted();
    if (isLost && sqlStateOf(error) === undefined) throw toStreamError(error, slot);
    throw openError(error, slot, connection);
  }
}

/**
 * The same value is the same text whatever the role or database has set: keys are compared as text. Warnings are wanted,
 * because one of them means a missing publication.
 */
async function setTextFormats(db: QueryPort): Promise<void> {
  await db.query(
    `set datestyle to 'ISO, YMD'; set intervalstyle to 'postgres'; set timezone to 'UTC'; set extra_float_digits to 1;
    set bytea_output to 'hex'; set standard_conforming_strings to on; set client_min_messages to warning`,
  );
}

const serverRows = z.tuple([z.object({ version: z.number(), timeout: z.number() })]);

async function readServer(db: QueryPort): Promise<{ version: number; walSenderTimeoutMs: number }> {
  const { rows } = await db.query(
    `select current_setting('server_version_num')::int as version,
    (select setting::int from pg_settings where name = 'wal_sender_timeout') as timeout`,
  );
  const [{ version, timeout }] = serverRows.parse(rows);
  return { version, walSenderTimeoutMs: timeout };
}

/** Three times within the time that the server waits for a word of ours; 0 there means for ever. */
function statusEvery(walSenderTimeoutMs: number): number {
  return walSenderTimeoutMs === 0 ? MAX_STATUS_EVERY_MS : Math.min(walSenderTimeoutMs / 3, MAX_STATUS_EVERY_MS);
}

function startCommand(
  { identity, applied, publications, spool }: ChangeStreamOptions,
  filtersOrigins: boolean,
): string {
  const names = publications.map((name) => quoteIdent(name)).join(',');
  const settings = [
    `proto_version '${spool === undefined ? 1 : 2}'`,
    `publication_names ${quoteLiteral(names)}`,
    `messages 'true'`,
    ...(spool === undefined ? [] : [`streaming 'on'`]),
    ...(filtersOrigins ? [`origin 'none'`] : []),
  ];
  return `START_REPLICATION SLOT "${identity.slot}" LOGICAL ${formatLsn(applied)} (${settings.join(', ')})`;
}

function openError(error: unknown, slot: string, { host, port, database }: DatabaseConnection): CodedError {
  if (error instanceof CodedError) return error;
  switch (sqlStateOf(error)) {
    // Between the look at the slot and the start.
    case '42704':
      return new StreamLostError(slot, 'slot-missing', 'it was dropped just now');
    case '55000':
      return new StreamLostError(slot, 'slot-lost', 'the server gave it up just now');
    case '55006':
      return new CodedError('LockUnavailable', `Another session began to read the slot ${slot} just now`, {
        cause: error,
      });
    default:
      return toDatabaseError(error, { action: `read the slot ${slot}`, database: `${database} at ${host}:${port}` });
  }
}

import knex, { type Knex } from 'knex';
import type { PoolSettings } from '../config/database-config.js';
import { registerHost, type DatabaseHost } from '../transactions/host.js';
import { withTransaction, type TransactionOptions } from '../transactions/with-transaction.js';
import { closePool, type CloseOptions, type CloseReport } from './close.js';
import { probe, type Health, type HealthOptions } from './health.js';
import { createPoolState, isUsable, poolClientClass } from './pool-client.js';
import type { Session, SessionSettings } from './session.js';

/** Figures of a pool, for a metrics endpoint. */
export interface DatabaseMetrics {
  readonly used: number;
  readonly free: number;
  readonly max: number;
  readonly pendingAcquires: number;
  readonly pendingCreates: number;
  /** Connections opened and closed since the start. */
  readonly created: number;
  readonly destroyed: number;
  readonly acquireFailures: number;
  /** Failed statements by SQLSTATE; `connection-lost` and `client` for those without. */
  readonly errors: Readonly<Record<string, number>>;
  /** Transactions that were run again, by SQLSTATE. */
  readonly retries: Readonly<Record<string, number>>;
}

/** An open database. */
export interface Database extends AsyncDisposable {
  /** The query builder. Its errors are the driver's; {@link toDatabaseError} translates them. */
  readonly knex: Knex;
  /** A word about host, port and database, for messages. */
  readonly label: string;
  /** Probes the server, on request only. Never throws. */
  health(options?: HealthOptions): Promise<Health>;
  metrics(): DatabaseMetrics;
  /** Whether errors of late suggest that the server went away or is no longer the primary. A good probe clears it. */
  isSuspect(): boolean;
  /** Lets idle connections be replaced; open transactions go on undisturbed. */
  refresh(): void;
  /** Runs `fn` in a transaction; see {@link withTransaction}. */
  withTransaction<T>(fn: (trx: Knex.Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Waits for running statements and transactions up to the deadline, then cancels them and ends their connections. */
  close(options?: CloseOptions): Promise<CloseReport>;
}

/** What {@link openDatabase} needs. */
export interface OpenOptions {
  readonly session: SessionSettings;
  readonly pool: PoolSettings & { readonly max: number };
  /** Receives Knex's warnings. Default: nobody; failures reach the caller anyway. */
  readonly onWarning?: (message: string) => void;
}

/** A spread of connection ages, so that a fleet does not reconnect in the same second. */
const LIFETIME_JITTER_MS = 5 * 60_000;

/** Opens a pool. No connection is made before the first query. */
export function openDatabase({ session, pool, onWarning = () => undefined }: OpenOptions): Database {
  const state = createPoolState();
  const db = knex({
    client: poolClientClass(session, state) as unknown as typeof Knex.Client,
    // For Knex's own messages; the real settings, with the password, stay inside the client.
    connection: { host: session.host, port: session.port, database: session.database, user: session.user },
    // Bindings never get into error messages.
    compileSqlOnError: false,
    pool: {
      min: pool.min,
      max: pool.max,
      acquireTimeoutMillis: pool.acquireTimeoutMs,
      createTimeoutMillis: pool.createTimeoutMs,
      idleTimeoutMillis: pool.idleTimeoutMs,
      maxConnectionLifetimeMillis: pool.maxLifetimeMs,
      maxConnectionLifetimeJitterMillis: LIFETIME_JITTER_MS,
      // A refused connection is reported at once and not at the acquire time-out.
      propagateCreateError: true,
      validate: (connection: Session) => isUsable(state, connection),
    },
    log: { warn: onWarning, error: onWarning, deprecate: onWarning, debug: () => undefined },
  });

  const label = `${session.database} at ${session.host}:${session.port}`;
  const tarn = (db.client as { pool: TarnPool }).pool;
  const counts = { created: 0, destroyed: 0, acquireFailures: 0 };
  tarn.on('createSuccess', () => void counts.created++);
  tarn.on('destroySuccess', () => void counts.destroyed++);
  tarn.on('acquireFail', () => void counts.acquireFailures++);
  const retries = new Map<string, number>();
  let closing: Promise<CloseReport> | undefined;

  const refresh = (): void => void state.generation++;
  const host: DatabaseHost = {
    label,
    pooler: session.pooler,
    timeouts: session.timeouts,
    refresh,
    noteRetry: (reason) => void retries.set(reason, (retries.get(reason) ?? 0) + 1),
  };
  registerHost(db, host);

  const database: Database = {
    knex: db,
    label,
    async health(options) {
      const health = await probe(db, label, options);
      if (health.ok) state.suspect = false;
      return health;
    },
    metrics: () => ({
      used: tarn.numUsed(),
      free: tarn.numFree(),
      max: pool.max,
      pendingAcquires: tarn.numPendingAcquires(),
      pendingCreates: tarn.numPendingCreates(),
      ...counts,
      errors: Object.fromEntries(state.errors),
      retries: Object.fromEntries(retries),
    }),
    isSuspect: () => state.suspect,
    refresh,
    withTransaction: (fn, options) => withTransaction(db, fn, options),
    close(options) {
      closing ??= closePool(db, state, options);
      return closing;
    },
    async [Symbol.asyncDispose]() {
      await database.close();
    },
  };
  return database;
}

/** The part of Knex's pool that is read here. */
interface TarnPool {
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
  numPendingCreates(): number;
  on(event: string, listener: () => void): void;
}

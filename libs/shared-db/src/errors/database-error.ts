import { CodedError, type FailureCode } from '@switchyard/contracts';
import { isConnectionLost, serverMessageOf } from './marks.js';
import { codeOf, sqlStateOf } from './sqlstate.js';

/** What {@link toDatabaseError} may add to a message. */
export interface DatabaseErrorContext {
  /** What was being done, such as `store events`. */
  readonly action?: string;
  /** The database as people name it, such as `app at db:5432`. */
  readonly database?: string;
}

/** Data of a database error that is safe to keep: names only, never values. */
export interface DatabaseErrorDetails {
  readonly sqlState?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

interface Verdict {
  readonly code: FailureCode;
  readonly says: string;
  readonly retryable?: boolean;
  /** Whether the server's message may be shown: its class of errors speaks of names, not of values. */
  readonly quotable?: boolean;
}

/** Verdicts by SQLSTATE; a class (first two characters) stands for all of its states that are not listed themselves. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  '08': { code: 'DatabaseUnreachable', says: 'the connection failed', quotable: true },
  '22': { code: 'InvalidInput', says: 'the database refused a value' },
  '23': { code: 'InvalidInput', says: 'a constraint refused the change' },
  '23502': { code: 'InvalidInput', says: 'a required value is missing' },
  '23503': { code: 'InvalidInput', says: 'a row refers to another one that does not exist, or is still referred to' },
  '23505': { code: 'InvalidInput', says: 'a row with the same key exists already' },
  '23514': { code: 'InvalidInput', says: 'a check constraint refused the row' },
  '25006': {
    code: 'DatabaseUnreachable',
    says: 'the server is read-only: it is a standby now, or default_transaction_read_only is on',
  },
  '25P02': {
    code: 'Internal',
    says: 'an earlier statement of the transaction failed, so nothing of it was saved',
    retryable: false,
  },
  '25P03': {
    code: 'Internal',
    says: 'the transaction did nothing for too long and was ended; see DB_IDLE_IN_TX_TIMEOUT',
    retryable: true,
  },
  '28': {
    code: 'AuthFailed',
    says: 'the server refused the credentials; check user, password reference and pg_hba.conf',
    quotable: true,
  },
  '3D': { code: 'NotFound', says: 'the database does not exist', quotable: true },
  '3F': { code: 'NotFound', says: 'the schema does not exist', quotable: true },
  '40': { code: 'Internal', says: 'the transaction met another one; run it again', retryable: true },
  '42': { code: 'InvalidInput', says: 'the SQL does not fit the schema', quotable: true },
  '42501': { code: 'AuthFailed', says: 'the user lacks a privilege', quotable: true },
  '42601': { code: 'InvalidInput', says: 'the SQL has a syntax error' },
  '53': { code: 'DatabaseUnreachable', says: 'the server is out of resources', quotable: true },
  '55P03': { code: 'LockUnavailable', says: 'a lock was not granted in time; another session holds it' },
  '55006': { code: 'LockUnavailable', says: 'the object is in use by another session', quotable: true },
  '57014': {
    code: 'Internal',
    says: 'the statement was cancelled, by its time limit (DB_STATEMENT_TIMEOUT) or by request',
    retryable: false,
  },
  '57P': { code: 'DatabaseUnreachable', says: 'the server ended the connection or is starting', quotable: true },
};

/**
 * Any error of the database, driver or pool as a {@link CodedError}. The message names what is safe: SQLSTATE, table, column,
 * constraint, and the server's words where they hold names only. SQL text, values and bindings never get in; they stay in `cause`.
 */
export function toDatabaseError(error: unknown, context: DatabaseErrorContext = {}): CodedError {
  if (error instanceof CodedError) return error;
  const sqlState = sqlStateOf(error);
  const verdict = sqlState === undefined ? verdictWithoutState(error) : verdictOf(sqlState);
  const details = detailsOf(error, sqlState);
  const words = verdict.quotable ? (serverMessageOf(error) ?? unprefixedMessage(error)) : undefined;
  const place = placeOf(details);
  const message = [
    context.action ? `${context.action}: ` : '',
    context.database ? `${context.database}: ` : '',
    verdict.says,
    place ? ` (${place})` : '',
    words ? `: ${words}` : '',
    sqlState ? ` [SQLSTATE ${sqlState}]` : '',
  ].join('');
  return new CodedError(verdict.code, message, {
    cause: error,
    details,
    ...(verdict.retryable === undefined ? {} : { retryable: verdict.retryable }),
  });
}

function verdictOf(sqlState: string): Verdict {
  const known = VERDICTS[sqlState] ?? VERDICTS[sqlState.slice(0, 3)] ?? VERDICTS[sqlState.slice(0, 2)];
  return known ?? { code: 'Internal', says: 'the database reported an error', retryable: false };
}

function verdictWithoutState(error: unknown): Verdict {
  const code = codeOf(error);
  if (isTimeout(error)) {
    return {
      code: 'DatabaseUnreachable',
      says: 'no connection became free in time: the pool is full (DB_POOL_MAX) or the server is slow to accept',
    };
  }
  if (code !== undefined && (code.startsWith('ERR_TLS') || CERTIFICATE_CODES.has(code))) {
    return {
      code: 'AuthFailed',
      says: `the server's certificate did not verify (${code}); check DB_SSL_CA, DB_SSL_MODE and the host name`,
    };
  }
  if (isConnectionLost(error)) {
    return {
      code: 'DatabaseUnreachable',
      says: `no connection to the server${code === undefined ? '' : ` (${code})`}`,
    };
  }
  return { code: 'Internal', says: 'the database client failed', retryable: false };
}

const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
]);

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'KnexTimeoutError';
}

/** The message of an error that was thrown while connecting: no statement was involved, so there is none in it. */
function unprefixedMessage(error: unknown): string | undefined {
  const sqlState = sqlStateOf(error);
  const connecting = sqlState !== undefined && ['08', '28', '3D', '57'].includes(sqlState.slice(0, 2));
  return connecting && error instanceof Error && !error.message.includes(' - ') ? error.message : undefined;
}

function detailsOf(error: unknown, sqlState: string | undefined): DatabaseErrorDetails {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const text = (name: string): string | undefined => (typeof fields[name] === 'string' ? fields[name] : undefined);
  const entries = {
    sqlState,
    ...(sqlState === undefined
      ? {}
      : { schema: text('schema'), table: text('table'), column: text('column'), constraint: text('constraint') }),
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

function placeOf(details: DatabaseErrorDetails): string {
  const table = details.table === undefined ? undefined : [details.schema, details.table].filter(Boolean).join('.');
  return [
    table === undefined ? '' : `table ${table}`,
    details.column === undefined ? '' : `column ${details.column}`,
    details.constraint === undefined ? '' : `constraint ${details.constraint}`,
  ]
    .filter(Boolean)
    .join(', ');
}

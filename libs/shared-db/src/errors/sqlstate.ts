/** SQLSTATE of a PostgreSQL error, or undefined for anything else. Node's error codes (ECONNREFUSED) have another shape. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
}

/** The `code` field of an error, if it is a text. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code: unknown = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the server ended the session with this error: it said FATAL or PANIC, or the class says so. */
export function endsSession(error: unknown): boolean {
  const severity: unknown = (error as { severity?: unknown } | null)?.severity;
  return severity === 'FATAL' || severity === 'PANIC';
}

/** Node's codes for a peer that cannot be reached or went away. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

export function isNetworkCode(code: string | undefined): boolean {
  return code !== undefined && NETWORK_CODES.has(code);
}

/** Why a transaction may be run again after this SQLSTATE. */
export type RetryReason = 'conflict' | 'server-away';

/**
 * Whether a whole transaction may be run again after an error before its commit: conflicts with other transactions, and a
 * server that went away or is no longer the primary.
 */
export function retryReasonOf(sqlState: string): RetryReason | undefined {
  // serialization_failure, deadlock_detected
  if (sqlState === '40001' || sqlState === '40P01') return 'conflict';
  // read_only_sql_transaction on a server that was the primary; admin_shutdown, crash_shutdown, cannot_connect_now; connection exceptions
  if (['25006', '57P01', '57P02', '57P03'].includes(sqlState) || sqlState.startsWith('08')) return 'server-away';
  return undefined;
}

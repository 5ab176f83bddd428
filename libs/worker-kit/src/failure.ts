import { CodedError, FAILURES, isFailureCode, type FailureCode } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory, TemporalFailure } from '@temporalio/common';

/** Details above this size stay out of workflow history, where the server refuses failures that are too large. */
const MOST_DETAIL_BYTES = 256 * 1024;

/** Codes of system errors that a caller can act on. */
const SYSTEM_CODES: Readonly<Record<string, FailureCode>> = {
  ENOENT: 'NotFound',
  ENOTDIR: 'NotFound',
  ECONNREFUSED: 'UpstreamFailed',
  ECONNRESET: 'UpstreamFailed',
  ECONNABORTED: 'UpstreamFailed',
  EPIPE: 'UpstreamFailed',
  ETIMEDOUT: 'UpstreamFailed',
  EHOSTUNREACH: 'UpstreamFailed',
  ENETUNREACH: 'UpstreamFailed',
  ENOTFOUND: 'UpstreamFailed',
  EAI_AGAIN: 'UpstreamFailed',
  UND_ERR_CONNECT_TIMEOUT: 'UpstreamFailed',
  UND_ERR_SOCKET: 'UpstreamFailed',
};

interface Known {
  readonly code: FailureCode;
  readonly retryable: boolean;
  readonly details?: unknown;
}

const known = (code: FailureCode, details?: unknown): Known => ({
  code,
  retryable: FAILURES[code].retryable,
  ...(details === undefined ? {} : { details }),
});

function has<K extends string>(error: object, key: K): error is Record<K, unknown> {
  return key in error;
}

function classify(error: Error): Known {
  if (error instanceof CodedError) return { ...known(error.code, error.details), retryable: error.retryable };
  const code = has(error, 'code') && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined) {
    // A second copy of the contracts in the tree makes `instanceof` false; the shape is the contract.
    if (isFailureCode(code) && has(error, 'retryable') && typeof error.retryable === 'boolean') {
      return { ...known(code, has(error, 'details') ? error.details : undefined), retryable: error.retryable };
    }
    const isSpawn = has(error, 'syscall') && typeof error.syscall === 'string' && error.syscall.startsWith('spawn');
    if (code === 'ENOENT' && isSpawn) return known('ToolMissing', { systemCode: code });
    const mapped = SYSTEM_CODES[code];
    if (mapped) return known(mapped, { systemCode: code });
  }
  if (has(error, 'issues') && Array.isArray(error.issues)) return known('InvalidInput', { problems: error.issues });
  // fetch hides the reason of a failed connection in the cause.
  if (error instanceof TypeError && error.cause instanceof Error) {
    const cause = classify(error.cause);
    if (cause.code === 'UpstreamFailed') return cause;
  }
  return known('Internal');
}

function fitting(details: unknown, masker: Masker | undefined): unknown {
  // Only what JSON can carry travels; a cycle or a function must not hide the failure itself.
  try {
    const text = JSON.stringify(details);
    if (text === undefined) return undefined;
    if (text.length > MOST_DETAIL_BYTES) return { omitted: `details of ${text.length} characters` };
    const plain: unknown = JSON.parse(text);
    return masker ? masker.maskValue(plain) : plain;
  } catch (error) {
    return { omitted: `details that are no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The innermost reasons as failures with a type and a message: enough to understand, nothing else of them travels. */
function causeOf(error: Error, mask: (text: string) => string): ApplicationFailure | undefined {
  const { cause } = error;
  if (!(cause instanceof Error)) return undefined;
  const type = has(cause, 'code') && typeof cause.code === 'string' ? cause.code : cause.name;
  const failure = ApplicationFailure.create({ type, message: mask(cause.message) });
  failure.stack = '';
  return failure;
}

/** Copies an ApplicationFailure that an activity made itself, masked. */
function maskedFailure(failure: ApplicationFailure, masker: Masker): ApplicationFailure {
  const copy = ApplicationFailure.create({
    message: masker.mask(failure.message),
    nonRetryable: failure.nonRetryable ?? false,
    ...(failure.type ? { type: failure.type } : {}),
    details: (failure.details ?? []).map((detail) => masker.maskValue(detail)),
    ...(failure.nextRetryDelay ? { nextRetryDelay: failure.nextRetryDelay } : {}),
    ...(failure.category ? { category: failure.category } : {}),
    ...(failure.cause === undefined ? {} : { cause: failure.cause }),
  });
  copy.stack = masker.mask(failure.stack ?? '');
  return copy;
}

/**
 * The failure that a caller sees for anything that an activity threw: a CodedError becomes an ApplicationFailure with
 * its code as type, system errors and schema errors get their code, everything else is Internal (retryable).
 * Cancellations, other Temporal failures and asynchronous completion are handed back untouched.
 */
export function toFailure(thrown: unknown, masker?: Masker): unknown {
  if (thrown instanceof ApplicationFailure) return masker ? maskedFailure(thrown, masker) : thrown;
  if (thrown instanceof TemporalFailure || thrown instanceof CompleteAsyncError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const mask = (text: string): string => masker?.mask(text) ?? text;
  const { code, retryable, details } = classify(error);
  const kept = fitting(details, masker);
  const cause = causeOf(error, mask);
  const failure = ApplicationFailure.create({
    type: code,
    message: mask(error.message || error.name),
    nonRetryable: !retryable,
    ...(error instanceof CodedError && error.isExpected ? { category: ApplicationFailureCategory.BENIGN } : {}),
    ...(kept === undefined ? {} : { details: [kept] }),
    ...(cause ? { cause } : {}),
  });
  failure.stack = mask(error.stack ?? '');
  return failure;
}

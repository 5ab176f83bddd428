import { CodedError, type FailureCode } from '@switchyard/contracts';
import { toDatabaseError } from '@switchyard/shared-db';
import { z } from 'zod';

/** The body of every answer that is an error, but for those that OpenFeature's protocol defines. */
export const errorBody = z.object({ code: z.string(), message: z.string() });

const STATUS: Partial<Record<FailureCode, number>> = {
  InvalidInput: 400,
  AuthFailed: 401,
  NotFound: 404,
  PreflightRefused: 409,
  LockUnavailable: 409,
  DatabaseUnreachable: 503,
};

/** What a caller is told of an error. */
export interface Told {
  readonly status: number;
  readonly code: FailureCode;
  readonly message: string;
}

/** The status and the words for whatever was thrown. What was not meant for callers stays in the log. */
export function tell(error: unknown): Told {
  if (error instanceof CodedError) {
    return { status: STATUS[error.code] ?? 500, code: error.code, message: error.message };
  }
  const status = statusOf(error);
  if (status !== undefined && error instanceof Error) return { status, code: 'InvalidInput', message: error.message };
  const { code } = toDatabaseError(error);
  if (code === 'DatabaseUnreachable') {
    return { status: 503, code, message: 'the store cannot be reached; the log of the gateway says why' };
  }
  return { status: 500, code: 'Internal', message: 'something went wrong; the log of the gateway says what' };
}

/** The status of an error of the HTTP layer that is the caller's own fault: a body that does not parse or is too long. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

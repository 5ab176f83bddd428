import { CodedError } from '@switchyard/contracts';

/** A mistake in the words of a command: exit code 2, and nothing was started. */
export function usageError(message: string, details?: unknown): CodedError {
  return new CodedError('InvalidInput', message, details === undefined ? {} : { details });
}

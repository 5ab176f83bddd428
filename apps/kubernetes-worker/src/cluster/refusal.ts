import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';

const statusSchema = z.looseObject({
  message: z.string().default(''),
  reason: z.string().default(''),
  details: z
    .looseObject({
      causes: z
        .array(
          z.looseObject({
            reason: z.string().default(''),
            message: z.string().default(''),
            field: z.string().default(''),
          }),
        )
        .default([]),
    })
    .optional(),
});

/** The `Status` by which an API server says what it did not do. */
export type ApiStatus = z.output<typeof statusSchema>;

/** Reads a Status. A proxy in front may have answered with something else. */
export function statusOf(text: string): ApiStatus {
  try {
    const result = statusSchema.safeParse(JSON.parse(text));
    if (result.success) return result.data;
  } catch {
    // Told by the code alone.
  }
  return { message: '', reason: '' };
}

/** The same Status with the fields that it is about, and without a word that could quote a value. */
export function withoutWords(text: string): string {
  const status = statusOf(text);
  // Of an object that was taken nothing is said.
  if (status.reason === '') return text;
  const causes = (status.details?.causes ?? []).map(({ reason, field }) => ({ reason, field }));
  const fields = causes.map(({ field }) => field).filter((field) => field !== '');
  const message = fields.length === 0 ? status.reason : `${status.reason}: ${fields.join(', ')}`;
  return JSON.stringify({ reason: status.reason, message, details: { causes } });
}

const MOST_CAUSES = 20;

/** What an answer that is none of 2xx means to a caller. */
export function refusalOf(code: number, status: ApiStatus, what: string): CodedError {
  const why = status.message === '' ? `HTTP ${code}` : status.message;
  const causes = (status.details?.causes ?? []).slice(0, MOST_CAUSES);
  const details = { status: code, reason: status.reason, causes };
  if (code === 401) return new CodedError('AuthFailed', `${what}: the API server refused the credentials`, { details });
  if (code === 409 && causes.some(({ reason }) => reason === 'FieldManagerConflict')) {
    const fields = causes.map(({ field, message }) => `${field} (${message})`).join(', ');
    return new CodedError(
      'KubernetesConflict',
      `${what}: somebody else has set ${fields}; take it out, or take it over with \`force: true\``,
      { details },
    );
  }
  if (code === 409 || code === 429 || code >= 500) {
    return new CodedError('UpstreamFailed', `${what}: ${why}`, { details, retryable: true });
  }
  return new CodedError('KubernetesRefused', `${what}: ${why}`, { details });
}

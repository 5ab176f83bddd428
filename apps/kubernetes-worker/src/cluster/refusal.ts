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

/**
 * How an API server begins to say that an object does not have the form of its kind. It answers 500 without a reason
 * then, as it does when its store is away, so that the words are all there is to go by.
 */
const MALFORMED = ['failed to create typed patch object', 'failed to convert new object'] as const;

const malformedOf = ({ reason, message }: ApiStatus): string | undefined =>
  reason === '' ? MALFORMED.find((beginning) => message.startsWith(beginning)) : undefined;

/** The same refusal with the fields that it is about, and without a word that could quote a value. */
export function withoutWords(text: string): string {
  const status = statusOf(text);
  const causes = (status.details?.causes ?? []).map(({ reason, field }) => ({ reason, field }));
  const fields = causes.map(({ field }) => field).filter((field) => field !== '');
  const said = malformedOf(status) ?? status.reason;
  const message = fields.length === 0 ? said : `${said}: ${fields.join(', ')}`;
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
  if (malformedOf(status) === undefined && (code === 409 || code === 429 || code >= 500)) {
    return new CodedError('UpstreamFailed', `${what}: ${why}`, { details, retryable: true });
  }
  return new CodedError('KubernetesRefused', `${what}: ${why}`, { details });
}

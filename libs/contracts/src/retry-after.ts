/** The longest time that a service may make us wait, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 10 * 60_000;

/**
 * Milliseconds of a Retry-After header, in seconds or as an HTTP date, at most `MAX_RETRY_AFTER_MS`; undefined when
 * there is none that can be read.
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

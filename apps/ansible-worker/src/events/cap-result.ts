import type { Masker } from '@switchyard/process';

/** Mark that the plugin puts where it cut a string. */
const CUT = '...[cut]';
/** Bytes of JSON that a task's result may have in an event; the whole output is in the lines. */
const MAX_RESULT_BYTES = 16 * 1024;
const MAX_STRING = 4 * 1024;

/** The plugin may have cut through a secret, and half of one is not masked: as much as the longest goes from the end. */
function withoutHalfSecret(text: string, masker: Masker): string {
  return text.endsWith(CUT) ? text.slice(0, -(CUT.length + masker.longestBytes)) + CUT : text;
}

function shorten(value: unknown, masker: Masker, limit: number): unknown {
  if (typeof value === 'string') {
    const safe = withoutHalfSecret(value, masker);
    return safe.length > limit ? `${safe.slice(0, limit)}${CUT}` : safe;
  }
  if (Array.isArray(value)) return value.map((inner) => shorten(inner, masker, limit));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner, masker, limit)]));
}

/** A result (masked already) as an event carries it: long strings cut, and of a very large one only the short fields. */
export function capResult(result: Readonly<Record<string, unknown>>, masker: Masker): Record<string, unknown> {
  const size = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');
  const short = shorten(result, masker, MAX_STRING) as Record<string, unknown>;
  if (size(short) <= MAX_RESULT_BYTES) return short;
  const kept: Record<string, unknown> = {};
  let left = MAX_RESULT_BYTES - 256;
  for (const [key, value] of Object.entries(short).toSorted((a, b) => size(a[1]) - size(b[1]))) {
    left -= size(value) + key.length + 4;
    if (left < 0) break;
    kept[key] = value;
  }
  return {
    ...kept,
    _cut: Object.keys(short)
      .filter((key) => !Object.hasOwn(kept, key))
      .slice(0, 50),
  };
}

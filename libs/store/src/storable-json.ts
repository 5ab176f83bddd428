/** JSON that PostgreSQL takes as jsonb. Output of programs holds NUL bytes now and then, and jsonb refuses them. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  // An escaped backslash before "u0000" looks the same here; then the slow way is taken for nothing.
  return /\\u(?:0000|d[89a-f])/i.test(json) ? JSON.stringify(storable(value)) : json;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '\uFFFD').toWellFormed();
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storable(key), storable(item)]));
}

import { digestOf } from '@switchyard/workflow-kit';

/** Characters of JSON that the result of one step may have: it goes into the inputs of other steps and into the history. */
export const MAX_RESULT_CHARS = 256 * 1024;

/** What stands in place of a part that was too large. */
export interface Trimmed {
  readonly trimmed: true;
  readonly chars: number;
  readonly digest: string;
}

const mark = (value: unknown, chars: number): Trimmed => ({ trimmed: true, chars, digest: digestOf(value) });

/**
 * A result that fits: its largest fields are replaced by `{trimmed, chars, digest}` one after another until the rest
 * is small enough, so that verdicts and lists of failures stay where they are expected.
 */
export function fitResult(
  value: unknown,
  most: number = MAX_RESULT_CHARS,
): { readonly value: unknown; readonly trimmed: readonly string[] } {
  let chars = sizeOf(value);
  if (chars <= most) return { value: value ?? null, trimmed: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { value: mark(value, chars), trimmed: ['the whole result'] };
  }
  const fields = Object.entries(value).map(([key, item]) => ({ key, item: item as unknown, chars: sizeOf(item) }));
  const trimmed: string[] = [];
  for (const field of fields.toSorted((a, b) => b.chars - a.chars)) {
    if (chars <= most) break;
    const stand = mark(field.item, field.chars);
    chars += sizeOf(stand) - field.chars;
    field.item = stand;
    trimmed.push(field.key);
  }
  if (chars > most) return { value: mark(value, sizeOf(value)), trimmed: ['the whole result'] };
  return { value: Object.fromEntries(fields.map(({ key, item }) => [key, item])), trimmed };
}

const sizeOf = (value: unknown): number => JSON.stringify(value)?.length ?? 0;

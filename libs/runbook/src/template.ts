import { CodedError } from '@switchyard/contracts';

/** A piece of a text: literal characters, or the CEL source between `${{` and `}}`. */
export type TemplatePart =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'expression'; readonly source: string };

const OPEN = '${{';

/** Whether a text holds at least one `${{ }}`. An escaped one (`$${{`) counts too, for it must be unescaped. */
export const hasTemplate = (text: string): boolean => text.includes(OPEN);

/**
 * Splits a text at its `${{ }}` parts. `$${{` stands for a literal `${{`.
 * Braces and quotes inside the expression are followed, so that `${{ {"a": {"b": 1}} }}` ends where one expects.
 * @throws CodedError InvalidInput when a `${{` is never closed
 */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf(OPEN, at);
    if (open < 0) {
      literal += text.slice(at);
      break;
    }
    if (open > 0 && text[open - 1] === '$') {
      literal += text.slice(at, open - 1) + OPEN;
      at = open + OPEN.length;
      continue;
    }
    literal += text.slice(at, open);
    const close = closingOf(text, open + OPEN.length);
    if (close < 0) {
      throw new CodedError('InvalidInput', `"${shorten(text)}": \${{ is never closed; end the expression with }}`);
    }
    if (literal) parts.push({ kind: 'text', text: literal });
    literal = '';
    parts.push({ kind: 'expression', source: text.slice(open + OPEN.length, close).trim() });
    at = close + 2;
  }
  if (literal) parts.push({ kind: 'text', text: literal });
  return parts;
}

/** Where the `}}` that ends an expression stands, or -1. */
function closingOf(text: string, from: number): number {
  let depth = 0;
  let quote = '';
  for (let i = from; i < text.length; i += 1) {
    const char = text[i];
    if (quote) {
      if (char === '\\') i += 1;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '{') depth += 1;
    else if (char === '}') {
      if (depth === 0) return text[i + 1] === '}' ? i : -1;
      depth -= 1;
    }
  }
  return -1;
}

/** A text as a message shows it: at most 80 characters. */
export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The CEL source of a condition, which may be written bare or as one `${{ }}`. */
export function conditionSource(condition: string): string {
  const parts = hasTemplate(condition) ? parseTemplate(condition.trim()) : [];
  const [only] = parts;
  return parts.length === 1 && only?.kind === 'expression' ? only.source : condition;
}

/** A `${{ }}` of a value: where it stands and its source. */
export interface FoundExpression {
  readonly keys: readonly (string | number)[];
  readonly source: string;
  /** Whether it stands in a longer text, so that what it gives becomes text. */
  readonly isPart: boolean;
}

/** Every expression in a value, however deep. A text that does not parse is reported through `onError`. */
export function expressionsIn(
  value: unknown,
  onError: (keys: readonly (string | number)[], message: string) => void,
  keys: readonly (string | number)[] = [],
): FoundExpression[] {
  if (typeof value === 'string') {
    if (!hasTemplate(value)) return [];
    try {
      const parts = parseTemplate(value);
      const isPart = parts.length > 1;
      return parts.flatMap((part) => (part.kind === 'expression' ? [{ keys, source: part.source, isPart }] : []));
    } catch (error) {
      onError(keys, error instanceof Error ? error.message : String(error));
      return [];
    }
  }
  if (Array.isArray(value)) return value.flatMap((item, i) => expressionsIn(item, onError, [...keys, i]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => expressionsIn(item, onError, [...keys, key]));
}

/** Whether a value holds a `${{ }}` anywhere. */
export function holdsTemplate(value: unknown): boolean {
  if (typeof value === 'string') return hasTemplate(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsTemplate);
}

import { CodedError } from '@switchyard/contracts';
import { celMessage, compile, type Vocabulary } from './cel.js';
import { keptOutput } from './kept-output.js';
import { conditionSource, hasTemplate, parseTemplate, shorten } from './template.js';

/** What became of a step, as expressions see it. */
export interface StepView {
  readonly outcome: string;
  /** Null for a step that was skipped or failed without a result. */
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** The values that an expression may use. */
export interface Scope {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly steps: Readonly<Record<string, StepView>>;
  readonly run: { readonly id: string };
  /** Inside forEach: the item (of a map: its value), its position from 0, and its key (of a list: the position as text). */
  readonly item?: unknown;
  readonly index?: number;
  readonly key?: string;
}

/**
 * Evaluates one CEL expression to a JSON value.
 * @param where names the place in the message, for example `step "configure", with.limit`
 * @throws CodedError InvalidInput that names place, expression and cause
 */
export function evaluateExpression(source: string, scope: Scope, where: string): unknown {
  return evaluateWith('runbook', source, scope, where);
}

/**
 * Evaluates one CEL expression that may use the names of a vocabulary.
 * @throws CodedError InvalidInput that names place, expression and cause
 */
export function evaluateWith(vocabulary: Vocabulary, source: string, values: object, where: string): unknown {
  try {
    return toJson(compile(source, vocabulary)(values));
  } catch (error) {
    const cause = keptOutput(source, values) ?? celMessage(error);
    throw new CodedError('InvalidInput', `${where}: cannot evaluate "${shorten(source)}": ${cause}`);
  }
}

/**
 * A copy of a value in which every `${{ }}` is replaced by what it gives.
 * A text that is one `${{ }}` keeps the type of its value; within a longer text it becomes text.
 * @throws CodedError InvalidInput that names place, expression and cause
 */
export function evaluate(value: unknown, scope: Scope, where: string): unknown {
  return fill(value, (source, at) => evaluateExpression(source, scope, at), where);
}

/** What {@link evaluate} does, with the expressions evaluated by the caller. */
export function fill(value: unknown, give: (source: string, where: string) => unknown, where: string): unknown {
  if (typeof value === 'string') return fillText(value, give, where);
  if (Array.isArray(value)) return value.map((item, i) => fill(item, give, `${where}[${i}]`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, give, `${where}.${key}`)]));
}

function fillText(text: string, give: (source: string, where: string) => unknown, where: string): unknown {
  if (!hasTemplate(text)) return text;
  const parts = parseTemplate(text);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'expression') return give(only.source, where);
  return parts.map((part) => (part.kind === 'text' ? part.text : asText(give(part.source, where)))).join('');
}

/** A value inside a text: null is empty, lists and maps are JSON. */
function asText(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Evaluates a condition (`when`): CEL, bare or as one `${{ }}`, or a plain boolean.
 * @throws CodedError InvalidInput when it does not give true or false
 */
export function evaluateCondition(condition: string | boolean, scope: Scope, where: string): boolean {
  if (typeof condition === 'boolean') return condition;
  return booleanOf(evaluateExpression(conditionSource(condition), scope, where), condition, where);
}

/** The value of a condition. @throws CodedError InvalidInput when it is neither true nor false */
export function booleanOf(value: unknown, condition: string, where: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new CodedError(
    'InvalidInput',
    `${where}: "${shorten(condition)}" gives ${JSON.stringify(value) ?? 'nothing'}, but a condition must be true or false`,
  );
}

/** A CEL value as JSON: what goes on to a step must survive the way through workflow history. */
function toJson(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return safeInteger(value);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new CodedError('InvalidInput', `${value} is not a JSON number`);
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') return objectToJson(value);
  throw new CodedError('InvalidInput', 'the expression gives nothing that JSON can hold');
}

function objectToJson(value: object): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), toJson(item)]));
  if (ArrayBuffer.isView(value)) throw new CodedError('InvalidInput', 'bytes are not JSON; use base64() or string()');
  if ('hasValue' in value && 'value' in value && typeof value.hasValue === 'function') {
    const optional = value as { hasValue(): boolean; value(): unknown };
    return optional.hasValue() ? toJson(optional.value()) : null;
  }
  const plain = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  if (plain === null || plain.constructor?.name === 'Object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  }
  if ('seconds' in value && 'nanos' in value) return `${Number(value.seconds)}s`;
  if ('value' in value && typeof value.value === 'bigint') return safeInteger(value.value);
  throw new CodedError('InvalidInput', 'the expression gives nothing that JSON can hold');
}

function safeInteger(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new CodedError('InvalidInput', `${value} is too large for a JSON number; use string()`);
}

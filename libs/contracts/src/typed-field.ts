import { z } from 'zod';
import { isSecretRef } from './secret-ref.js';

/** A named value that people or callers give: an input of a runbook, or an answer at an approval. */
export const typedFieldSchema = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'array', 'object']),
  description: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  pattern: z
    .string()
    .optional()
    .meta({ description: 'For strings: a regular expression that the whole value must match' }),
  min: z.number().optional().meta({ description: 'Least number; for strings the least characters, for arrays items' }),
  max: z
    .number()
    .optional()
    .meta({ description: 'Greatest number; for strings the most characters, for arrays items' }),
  secret: z.boolean().optional().meta({
    description: 'The value is a reference `{"$secret": "name"}`, never the secret itself; with type `string`',
  }),
  default: z.unknown().optional(),
  required: z.boolean().optional().meta({ description: 'Default: true when there is no default' }),
});
export type TypedField = z.output<typeof typedFieldSchema>;

/** Why a value does not fit a field, or undefined when it does. What was given for a secret is never shown. */
export function misfit(field: TypedField, value: unknown): string | undefined {
  if (field.secret) {
    return isSecretRef(value) ? undefined : 'must name a secret: {"$secret": "name"}; what was given is not shown';
  }
  if (!FITS[field.type](value)) return `must be ${article(field.type)}, got ${shown(value)}`;
  if (field.enum && !field.enum.some((allowed) => allowed === value)) {
    return `must be one of ${field.enum.map((allowed) => JSON.stringify(allowed)).join(', ')}, got ${shown(value)}`;
  }
  if (field.pattern !== undefined && typeof value === 'string' && !wholeMatch(field.pattern).test(value)) {
    return `must match ${field.pattern}, got ${shown(value)}`;
  }
  return outOfBounds(field, value);
}

function outOfBounds({ min, max }: TypedField, value: unknown): string | undefined {
  const measured = measure(value);
  if (measured === undefined) return undefined;
  const { size, of } = measured;
  const got = of === '' ? shown(value) : String(size);
  if (min !== undefined && size < min) return `must be at least ${min}${of}, got ${got}`;
  if (max !== undefined && size > max) return `must be at most ${max}${of}, got ${got}`;
  return undefined;
}

/** What `min` and `max` are about. */
function measure(value: unknown): { readonly size: number; readonly of: string } | undefined {
  if (typeof value === 'number') return { size: value, of: '' };
  if (typeof value === 'string') return { size: Array.from(value).length, of: ' characters' };
  return Array.isArray(value) ? { size: value.length, of: ' items' } : undefined;
}

/** A pattern that the whole value must match. @throws SyntaxError when it is no regular expression */
export const wholeMatch = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`, 'u');

const FITS: Readonly<Record<TypedField['type'], (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isSafeInteger(value),
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

const article = (type: string): string => (/^[aio]/.test(type) ? `an ${type}` : `a ${type}`);

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A contradiction in the declaration of a field. */
export interface FieldProblem {
  readonly keys: readonly (string | number)[];
  readonly message: string;
}

/** What contradicts itself in the declaration of a field: each problem with the keys below the field. */
export function fieldProblems(field: TypedField): readonly FieldProblem[] {
  const contradictions = [...secretProblems(field), ...boundProblems(field)];
  if (contradictions.length > 0) return contradictions;
  if (field.pattern !== undefined) {
    if (field.type !== 'string') return [{ keys: ['pattern'], message: `needs type "string", not "${field.type}"` }];
    try {
      wholeMatch(field.pattern);
    } catch (error) {
      return [{ keys: ['pattern'], message: error instanceof Error ? error.message : String(error) }];
    }
  }
  const wrong = (field.enum ?? []).flatMap((value, i) => {
    const message = misfit({ ...field, enum: undefined }, value);
    return message === undefined ? [] : [{ keys: ['enum', i], message }];
  });
  const message = field.default === undefined ? undefined : misfit(field, field.default);
  return message === undefined ? wrong : [...wrong, { keys: ['default'], message }];
}

/** Only the name of a secret is known where values are checked. */
function secretProblems(field: TypedField): readonly FieldProblem[] {
  if (!field.secret) return [];
  if (field.type !== 'string') return [{ keys: ['secret'], message: `needs type "string", not "${field.type}"` }];
  return (['enum', 'pattern', 'min', 'max'] as const)
    .filter((key) => field[key] !== undefined)
    .map((key) => ({ keys: [key], message: 'cannot be checked for a secret: only its name is known' }));
}

function boundProblems({ type, min, max }: TypedField): readonly FieldProblem[] {
  if (min === undefined && max === undefined) return [];
  const key = min === undefined ? 'max' : 'min';
  if (type === 'boolean' || type === 'object') {
    return [{ keys: [key], message: `is for numbers, strings and arrays, not for type "${type}"` }];
  }
  if (min !== undefined && max !== undefined && min > max) {
    return [{ keys: ['min'], message: `is greater than \`max\`: no value fits (${min} > ${max})` }];
  }
  return [];
}

import { z } from 'zod';

/** A named value that people or callers give: an input of a runbook, or an answer at an approval. */
export const typedFieldSchema = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'array', 'object']),
  description: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  pattern: z
    .string()
    .optional()
    .meta({ description: 'For strings: a regular expression that the whole value must match' }),
  default: z.unknown().optional(),
  required: z.boolean().optional().meta({ description: 'Default: true when there is no default' }),
});
export type TypedField = z.output<typeof typedFieldSchema>;

/** Why a value does not fit a field, or undefined when it does. */
export function misfit(field: TypedField, value: unknown): string | undefined {
  if (!FITS[field.type](value)) return `must be ${article(field.type)}, got ${shown(value)}`;
  if (field.enum && !field.enum.some((allowed) => allowed === value)) {
    return `must be one of ${field.enum.map((allowed) => JSON.stringify(allowed)).join(', ')}, got ${shown(value)}`;
  }
  if (field.pattern !== undefined && typeof value === 'string' && !wholeMatch(field.pattern).test(value)) {
    return `must match ${field.pattern}, got ${shown(value)}`;
  }
  return undefined;
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

/** What contradicts itself in the declaration of a field: each problem with the keys below the field. */
export function fieldProblems(
  field: TypedField,
): readonly { readonly keys: readonly (string | number)[]; readonly message: string }[] {
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

import { compensationSchema, runbookSchema, STEP_KINDS, stepSchema } from '@switchyard/contracts';
import { z } from 'zod';
import { KIND_SCHEMAS } from './kinds.js';

/** A JSON Schema, as far as this module looks into one. */
export type JsonSchema = Record<string, unknown>;

const TEMPLATE: JsonSchema = { type: 'string', pattern: '\\$\\{\\{', description: 'An expression' };

/** JSON Schema (draft 2020-12) of a runbook for editors: each kind of step brings the schema of its `with`. */
export function runbookJsonSchema(): JsonSchema {
  const schema = toSchema(runbookSchema);
  const properties = schema['properties'] as Record<string, JsonSchema>;
  const step = toSchema(stepSchema);
  const stepProperties = step['properties'] as Record<string, JsonSchema>;
  stepProperties['compensate'] = withKinds(toSchema(compensationSchema), compensationSchema.shape.uses.options);
  properties['steps'] = { type: 'array', minItems: 1, items: withKinds(step, STEP_KINDS) };
  const defs = Object.fromEntries(
    STEP_KINDS.map((kind) => [`with-${kind}`, allowTemplates(toSchema(KIND_SCHEMAS[kind])) as JsonSchema]),
  );
  for (const [name, def] of Object.entries(defs)) hoistDefs(name, def, defs);
  return {
    ...schema,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Switchyard runbook',
    $defs: defs,
  };
}

function toSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return rest;
}

/** Chooses the schema of `with` by `uses`. */
function withKinds(schema: JsonSchema, kinds: readonly string[]): JsonSchema {
  return {
    ...schema,
    allOf: kinds.map((kind) => ({
      if: { properties: { uses: { const: kind } }, required: ['uses'] },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema; nobody awaits this object
      then: { properties: { with: { $ref: `#/$defs/with-${kind}` } } },
    })),
  };
}

/** Recursive schemas keep their parts in `$defs`; they move to the root, where their references must point. */
function hoistDefs(name: string, def: JsonSchema, defs: Record<string, JsonSchema>): void {
  const own = def['$defs'] as Record<string, JsonSchema> | undefined;
  delete def['$defs'];
  const rename = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const schema = node as JsonSchema;
    if (typeof schema['$ref'] === 'string' && own)
      schema['$ref'] = schema['$ref'].replace('#/$defs/', `#/$defs/${name}-`);
    for (const child of Object.values(schema)) rename(child);
  };
  rename(def);
  for (const [key, value] of Object.entries(own ?? {})) {
    rename(value);
    defs[`${name}-${key}`] = value;
  }
}

/** Lets an expression stand wherever a value may stand. */
function allowTemplates(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  const mapEach = (value: unknown): unknown =>
    Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, orTemplate(item)]));
  const out: JsonSchema = { ...(schema as JsonSchema) };
  for (const key of ['properties', '$defs', 'patternProperties']) {
    if (out[key]) out[key] = key === '$defs' ? mapPlain(out[key]) : mapEach(out[key]);
  }
  if (typeof out['additionalProperties'] === 'object')
    out['additionalProperties'] = orTemplate(out['additionalProperties']);
  if (typeof out['items'] === 'object') out['items'] = orTemplate(out['items']);
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    if (Array.isArray(out[key])) out[key] = out[key].map(allowTemplates);
  }
  return out;
}

const mapPlain = (value: unknown): unknown =>
  Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, allowTemplates(item)]));

function orTemplate(schema: unknown): unknown {
  const inner = allowTemplates(schema) as JsonSchema;
  if (Object.keys(inner).every((key) => key === 'description') || isFreeString(inner)) return inner;
  const { description, ...rest } = inner;
  return { ...(description === undefined ? {} : { description }), anyOf: [rest, TEMPLATE] };
}

const isFreeString = (schema: JsonSchema): boolean =>
  schema['type'] === 'string' && !['enum', 'const', 'pattern', 'format'].some((key) => key in schema);

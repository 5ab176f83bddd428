import { schemaChangeSchema } from '@switchyard/contracts';
import { z } from 'zod';

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;

/** What may stand at a place, in words. */
function typeOf(schema: Schema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.prefixItems) return `list of ${schema.prefixItems.length}`;
  if (schema.type === 'array') return `list of ${typeof schema.items === 'object' ? typeOf(schema.items) : 'anything'}`;
  if (schema.type === 'object') return schema.properties ? 'object' : 'map';
  return [schema.type ?? 'anything'].flat().join(' or ');
}

/** What a default says to people; an object or list that is only there to be filled says nothing. */
const defaultOf = (schema: Schema): string =>
  schema.default === undefined ||
  (typeof schema.default === 'object' && schema.default !== null && Object.keys(schema.default).length === 0)
    ? ''
    : code(schema.default);

interface Section {
  readonly path: string;
  readonly schema: Schema;
}

/** Objects below a schema that have fields of their own. */
function inner(schema: Schema, path: string): Section[] {
  if (schema.properties) return [{ path, schema }];
  if (typeof schema.items === 'object') return inner(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === 'object') return inner(schema.additionalProperties, `${path}.<name>`);
  return (schema.anyOf ?? schema.oneOf ?? []).flatMap((choice) => {
    const kind = choice.properties?.['kind']?.const;
    return inner(choice, typeof kind === 'string' ? `${path} (${kind})` : path);
  });
}

function sections({ path, schema }: Section): string[] {
  const fields = Object.entries(schema.properties ?? {});
  const rows = fields.map(([name, field]) => {
    const isRequired = schema.required?.includes(name) ?? false;
    return `| \`${name}\` | ${cell(typeOf(field))} | ${isRequired ? 'required' : defaultOf(field)} | ${cell(field.description ?? '')} |`;
  });
  const below = fields.flatMap(([name, field]) => inner(field, path === '' ? name : `${path}.${name}`));
  return [
    ...(path === '' ? [] : [`## \`${path}\``, '']),
    '| field | value | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...below.flatMap(sections),
  ];
}

/** docs/schema-change/spec.md, made from the schema itself. */
export function changePage(): string {
  const schema = z.toJSONSchema(schemaChangeSchema, { io: 'input' }) as Schema;
  return [
    '# The spec of a schema change',
    '',
    'A YAML file; [plan.md](plan.md) writes one. Durations are `25ms`, `30s`, `15m`, `24h` or a number of milliseconds. Names under `columns`, `key`, `drop` and the like are taken exactly as written; in `table` and `target.table` they are SQL, so `"Users"` needs its quotes. Unknown fields are refused with the nearest known name. This page is generated from the schema that `./switchyard schema-change schema` prints.',
    '',
    ...sections({ path: '', schema }),
  ].join('\n');
}

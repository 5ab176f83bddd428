import type { z } from 'zod';
import { CodedError } from './failures.js';
import { nearestName } from './nearest.js';

/** One thing that is wrong with a value, at one place. */
export interface Problem {
  /** Where: `inventory.groups.web`, `steps[2].with`; empty for the whole value. */
  readonly path: string;
  /** What, and how to mend it. */
  readonly message: string;
  /** The same place as keys, for callers that map it to a line and column. */
  readonly keys: readonly (string | number)[];
}

/** Keys as people write a path: `a.b[0]["odd key"]`. */
export function formatPath(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, i) =>
      typeof key === 'number'
        ? `[${key}]`
        : /^[\w-]+$/.test(String(key))
          ? `${i ? '.' : ''}${String(key)}`
          : `[${JSON.stringify(String(key))}]`,
    )
    .join('');
}

/** The object schema that stands at a path of a schema, through optional, default, pipe and union wrappers. */
function knownKeysAt(schema: z.core.$ZodType, keys: readonly PropertyKey[]): readonly string[] {
  const def = (schema as z.ZodType).def as unknown as Record<string, unknown> & { type: string };
  const inner = def['innerType'] ?? def['in'] ?? def['getter'];
  if (def.type === 'union') {
    return (def['options'] as z.core.$ZodType[]).flatMap((option) => [...knownKeysAt(option, keys)]);
  }
  if (def.type === 'intersection') {
    return [
      ...knownKeysAt(def['left'] as z.core.$ZodType, keys),
      ...knownKeysAt(def['right'] as z.core.$ZodType, keys),
    ];
  }
  if (def.type === 'lazy') return knownKeysAt((inner as () => z.core.$ZodType)(), keys);
  // A preprocess step is a pipe whose first part is a transform; the shape to name keys of is its second part.
  if (def.type === 'pipe') {
    const first = def['in'] as z.core.$ZodType;
    return knownKeysAt(first._zod.def.type === 'transform' ? (def['out'] as z.core.$ZodType) : first, keys);
  }
  if (def.type === 'object') {
    const shape = def['shape'] as Record<string, z.core.$ZodType>;
    const [head, ...rest] = keys;
    if (head === undefined) return Object.keys(shape);
    const next = shape[String(head)];
    return next ? knownKeysAt(next, rest) : [];
  }
  if (def.type === 'array') return keys.length ? knownKeysAt(def['element'] as z.core.$ZodType, keys.slice(1)) : [];
  if (def.type === 'record') return keys.length ? knownKeysAt(def['valueType'] as z.core.$ZodType, keys.slice(1)) : [];
  return inner ? knownKeysAt(inner as z.core.$ZodType, keys) : [];
}

/** A value as a message may show it: short, and never a whole document. */
function shown(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return `${typeof value} ${JSON.stringify(value) ?? ''}`.trim();
}

function valueAt(value: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown, base: readonly PropertyKey[]): Problem[] {
  const keys = [...base, ...issue.path] as (string | number)[];
  const place = { path: formatPath(keys), keys };
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = [...new Set(knownKeysAt(schema, keys))];
      return issue.keys.map((key) => {
        const near = nearestName(key, known);
        const hint = near
          ? `did you mean "${near}"?`
          : known.length
            ? `known fields: ${known.join(', ')}`
            : 'remove it';
        return { path: formatPath([...keys, key]), keys: [...keys, key], message: `unknown field "${key}"; ${hint}` };
      });
    }
    case 'invalid_type': {
      const given = valueAt(value, keys);
      return [
        {
          ...place,
          message:
            given === undefined ? `is required (${issue.expected})` : `must be ${issue.expected}, got ${shown(given)}`,
        },
      ];
    }
    case 'invalid_value':
      return [
        {
          ...place,
          message: `must be one of ${issue.values.map((v) => JSON.stringify(v)).join(', ')}, got ${shown(valueAt(value, keys))}`,
        },
      ];
    case 'invalid_union': {
      // The branch that fits the kind of the given value best speaks: the one whose complaints lie deepest, then the fewest.
      const branches = issue.errors.map((errors) => errors.flatMap((e) => describe(e, schema, value, keys)));
      const depth = (problems: Problem[]): number => Math.min(...problems.map((p) => p.keys.length));
      const best = branches
        .filter((b) => b.length > 0)
        .toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
      return best && depth(best) > keys.length
        ? best
        : [{ ...place, message: best?.map((p) => p.message).join(', or ') ?? issue.message }];
    }
    default:
      return [{ ...place, message: issue.message }];
  }
}

/** What parsing a value from outside gave: the value, or every problem found in it. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/** Parses a value from outside. Never throws; every problem has a place and a way out. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problems: result.error.issues.flatMap((issue) => describe(issue, schema, value, [])) };
}

/** One line for all problems: `inventory: must be ...; playbok: unknown field ...`. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map((p) => (p.path ? `${p.path}: ${p.message}` : p.message)).join('; ');
}

/**
 * Parses a value from outside or throws InvalidInput with every problem in the message and in the details.
 * @param what names the value in the message, for example "AnsibleWorkflow input"
 */
export function parseOrThrow<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = parse(schema, value);
  if (result.ok) return result.value;
  throw new CodedError('InvalidInput', `${what}: ${formatProblems(result.problems)}`, {
    details: { problems: result.problems },
  });
}

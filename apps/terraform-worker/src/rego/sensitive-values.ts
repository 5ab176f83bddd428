const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Every text and number in `show -json` of a plan that is marked as sensitive, wherever it stands: changes, planned
 * values, the state before, outputs, and variables that are declared so.
 */
export function sensitiveValues(plan: unknown): string[] {
  const found = new Set<string>();
  walk(plan, found);
  const root = at(plan, 'configuration', 'root_module', 'variables');
  const variables = at(plan, 'variables');
  if (isRecord(root) && isRecord(variables)) {
    for (const [name, declared] of Object.entries(root)) {
      if (at(declared, 'sensitive') === true) collect(at(variables[name], 'value'), true, found);
    }
  }
  return [...found];
}

/** Values, and the tree of marks that stands beside them. */
const MARKED = [
  ['before', 'before_sensitive'],
  ['after', 'after_sensitive'],
  ['values', 'sensitive_values'],
  ['value', 'sensitive'],
] as const;

function walk(node: unknown, found: Set<string>): void {
  if (Array.isArray(node)) for (const item of node) walk(item, found);
  if (!isRecord(node)) return;
  for (const [value, marks] of MARKED) if (Object.hasOwn(node, marks)) collect(node[value], node[marks], found);
  for (const inner of Object.values(node)) walk(inner, found);
}

function collect(value: unknown, marks: unknown, found: Set<string>): void {
  if (marks === undefined || marks === null || marks === false) return;
  if (typeof value === 'string' || typeof value === 'number') {
    if (marks === true) found.add(String(value));
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => collect(item, Array.isArray(marks) ? marks[i] : marks, found));
  } else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) collect(inner, isRecord(marks) ? marks[key] : marks, found);
  }
}

const at = (node: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), node);

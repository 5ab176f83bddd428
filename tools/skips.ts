import { parseSync } from 'oxc-parser';

/** A test that does not run, or keeps others from running, without a stated reason. */
export interface Skip {
  readonly line: number;
  readonly message: string;
}

const SUITES = new Set(['it', 'test', 'describe', 'suite', 'bench']);
const CONDITIONAL = new Set(['skipIf', 'runIf']);

interface Node {
  readonly type: string;
  readonly start: number;
}

const isNode = (value: unknown): value is Node & Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/**
 * Finds `.only`, `.skip` and `.todo`, and conditional skips whose title does not say what is missing:
 * `describe.skipIf(!program)('behind a pooler (needs pgbouncer)', ...)`.
 */
export function findSkips(file: string, text: string): Skip[] {
  const { program } = parseSync(file, text);
  const skips: Skip[] = [];
  const lineOf = (node: Node): number => text.slice(0, node.start).split('\n').length;
  const visit = (value: unknown, parent: unknown): void => {
    if (Array.isArray(value)) for (const entry of value) visit(entry, parent);
    if (!isNode(value)) return;
    const word = modifierOf(value);
    if (word === 'only' || word === 'skip' || word === 'todo') {
      skips.push({ line: lineOf(value), message: `.${word} is not for committed tests` });
    } else if (word !== undefined && CONDITIONAL.has(word) && !saysWhatIsMissing(parent, text)) {
      skips.push({
        line: lineOf(value),
        message: `.${word} needs a title that says what is missing: "... (needs <thing>)"`,
      });
    }
    // A conditional skip is `it.skipIf(x)(title, body)`: the title belongs to the call around the call.
    const isInnerCallee = isNode(parent) && parent.type === 'CallExpression' && parent['callee'] === value;
    for (const [key, child] of Object.entries(value)) {
      if (key !== 'parent') visit(child, isInnerCallee && key === 'callee' ? parent : value);
    }
  };
  visit(program, undefined);
  return skips;
}

/** `skip` of `it.skip`, `describe.concurrent.skip`, ... */
function modifierOf(node: Readonly<Record<string, unknown>> & Node): string | undefined {
  if (node.type !== 'MemberExpression' || !isNode(node['property'])) return undefined;
  const name = node['property']['name'];
  if (typeof name !== 'string') return undefined;
  let object: unknown = node['object'];
  while (isNode(object) && object.type === 'MemberExpression') object = object['object'];
  const isSuite = isNode(object) && object.type === 'Identifier' && SUITES.has(String(object['name']));
  return isSuite && (CONDITIONAL.has(name) || ['only', 'skip', 'todo'].includes(name)) ? name : undefined;
}

function saysWhatIsMissing(call: unknown, text: string): boolean {
  if (!isNode(call) || call.type !== 'CallExpression' || !Array.isArray(call['arguments'])) return false;
  const title: unknown = call['arguments'][0];
  return isNode(title) && typeof title['end'] === 'number' && /\(needs /.test(text.slice(title.start, title['end']));
}

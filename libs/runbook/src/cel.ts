import { CodedError } from '@switchyard/contracts';
import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';

/** Names that an expression may use, besides the variables of its own macros. */
export const SCOPE_NAMES = ['inputs', 'steps', 'run', 'item', 'index', 'key'] as const;
export type ScopeName = (typeof SCOPE_NAMES)[number];

/** Names that exist only inside a step with `forEach`. */
export const ITEM_NAMES: readonly ScopeName[] = ['item', 'index', 'key'];

/** The names that an expression may use, by the place where it stands. */
const VOCABULARIES = {
  runbook: SCOPE_NAMES,
  /** `when`, `resolveOn` and `groupBy` of an event rule. */
  event: ['event'],
  /** `poll.events` of an event rule. */
  answer: ['answer'],
  /** `inputs` of an event rule. */
  firing: ['firing'],
} as const;
export type Vocabulary = keyof typeof VOCABULARIES;

/**
 * The CEL environment of one vocabulary. JSON has one kind of number, which CEL takes for `double`; the mixed operators make
 * `inputs.count + 1` mean what it says, where plain CEL refuses `double + int`.
 */
function createEnvironment(vocabulary: Vocabulary): Environment {
  const env = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  });
  for (const name of VOCABULARIES[vocabulary]) env.registerVariable(name, 'dyn');
  const mixed: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => divide(a, b, a / b),
    '%': (a, b) => divide(a, b, a % b),
  };
  for (const [operator, compute] of Object.entries(mixed)) {
    const handler = (a: number | bigint, b: number | bigint): number => compute(Number(a), Number(b));
    env.registerOperator(`double ${operator} int`, handler);
    env.registerOperator(`int ${operator} double`, handler);
  }
  env.registerOperator('double % double', mixed['%'] as (a: number, b: number) => number);
  return env;
}

function divide(a: number, b: number, result: number): number {
  if (b === 0) throw new CodedError('InvalidInput', `${a} divided by zero`);
  return result;
}

const environments = new Map<Vocabulary, { readonly env: Environment; readonly compiled: Map<string, ParseResult> }>();

/** An expression ready to be evaluated. Parsed once per process, or once per workflow execution. */
export function compile(source: string, vocabulary: Vocabulary = 'runbook'): ParseResult {
  const { env, compiled } = environments.get(vocabulary) ?? { env: createEnvironment(vocabulary), compiled: new Map() };
  environments.set(vocabulary, { env, compiled });
  const result = compiled.get(source) ?? env.parse(source);
  compiled.set(source, result);
  return result;
}

/** One line of a CEL error, without the drawing of the source that follows it. */
export function celMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'summary' in error && typeof error.summary === 'string') {
    return error.summary;
  }
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** What an expression refers to, as far as it can be read without evaluating it. */
export interface References {
  /** Names that are not bound by a macro of the expression itself. */
  readonly names: ReadonlySet<string>;
  readonly inputs: ReadonlySet<string>;
  /** Fields of `firing`, where they are written out. */
  readonly firing: ReadonlySet<string>;
  /** Step ids, each with the field that is read from it (`result`, `outcome`), where it is written out. */
  readonly steps: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether a step is named by a value that only an evaluation gives (`steps[inputs.which]`). */
  readonly anyStep: boolean;
}

const SELECTS: readonly string[] = ['.', '.?', '[]', '[?]'];
/** Macros whose first argument is a name that they bind for the others. */
const BINDERS: readonly string[] = ['all', 'exists', 'exists_one', 'map', 'filter', 'bind', 'sortBy', 'transformList'];

/** Reads the references of a parsed expression. */
export function referencesOf(ast: ASTNode): References {
  const names = new Set<string>();
  const inputs = new Set<string>();
  const firing = new Set<string>();
  const steps = new Map<string, Set<string>>();
  const named = new Set<Node>();
  let anyStep = false;

  const visit = (node: unknown, bound: ReadonlySet<string>): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item, bound);
      return;
    }
    if (!isNode(node)) return;
    if (node.op === 'id') {
      const name = String(node.args);
      if (bound.has(name)) return;
      names.add(name);
      if (name === 'steps' && !named.has(node)) anyStep = true;
      return;
    }
    const [root = '', name, field] = SELECTS.includes(node.op) ? pathOf(node) : [];
    if (!bound.has(root)) {
      if (root === 'inputs' && name !== undefined) inputs.add(name);
      if (root === 'firing' && name !== undefined) firing.add(name);
      if (root === 'steps' && name !== undefined) {
        named.add(rootOf(node));
        const fields = steps.get(name) ?? new Set<string>();
        if (field !== undefined) fields.add(field);
        steps.set(name, fields);
      }
    }
    if (node.op === 'rcall') {
      const [macro, target, args] = node.args as [string, unknown, unknown[]];
      const [first] = args;
      visit(target, bound);
      if (BINDERS.includes(macro) && isNode(first) && first.op === 'id') {
        const inner = new Set([...bound, String(first.args)]);
        visit(args.slice(1), inner);
      } else visit(args, bound);
      return;
    }
    visit(node.args, bound);
  };
  visit(ast, new Set(['cel', 'optional']));
  return { names, inputs, firing, steps, anyStep };
}

/** What an expression adds to one another, outermost first: each operand of a `+`. */
export function addendsOf(ast: unknown): readonly unknown[] {
  if (!isNode(ast)) return [];
  const parts = Array.isArray(ast.args) ? (ast.args as unknown[]).flat(Infinity) : [];
  return [...(ast.op === '+' ? parts : []), ...parts.flatMap(addendsOf)];
}

/** What an expression may give as it is: the expression itself, or each branch of a choice. */
export function givenBy(ast: unknown): readonly unknown[] {
  if (!isNode(ast) || ast.op !== '?:' || !Array.isArray(ast.args)) return [ast];
  return (ast.args as unknown[]).slice(1).flatMap(givenBy);
}

/** The name of the input that an expression is, and nothing else; undefined for every other one. */
export function inputOf(ast: unknown): string | undefined {
  const [root, name, ...more] = isNode(ast) && SELECTS.includes(ast.op) ? pathOf(ast) : [];
  return root === 'inputs' && more.length === 0 ? name : undefined;
}

interface Node {
  readonly op: string;
  readonly args: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/** The innermost target of a select. */
function rootOf(node: Node): Node {
  const [target] = Array.isArray(node.args) ? (node.args as unknown[]) : [];
  return SELECTS.includes(node.op) && isNode(target) ? rootOf(target) : node;
}

/** The constant path of a select such as `steps.a.result` or `steps["a"].result`, root first, up to the first computed key. */
function pathOf(node: Node): string[] {
  const [target, key] = Array.isArray(node.args) ? (node.args as unknown[]) : [];
  if (node.op === 'id') return [String(node.args)];
  if (!SELECTS.includes(node.op) || !isNode(target)) return [];
  const base = pathOf(target);
  // A computed key ends the path: what is selected behind it belongs to something unknown.
  if (base.length !== depthOf(target)) return base;
  if (typeof key === 'string') return [...base, key];
  return isNode(key) && key.op === 'value' && typeof key.args === 'string' ? [...base, key.args] : base;
}

/** How many names a select is made of: its root and each key. */
function depthOf(node: Node): number {
  const [target] = Array.isArray(node.args) ? (node.args as unknown[]) : [];
  return SELECTS.includes(node.op) && isNode(target) ? depthOf(target) + 1 : 1;
}

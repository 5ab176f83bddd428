import type { Named } from './volatility.js';

/** What walking an expression found; problems carry the byte at which they stand in the statement, or null. */
export interface Walked {
  readonly columns: { readonly name: string; readonly at: number | null }[];
  readonly named: Named[];
  readonly problems: { readonly message: string; readonly at: number | null }[];
}

/** A node of the parse tree: `{ FuncCall: {...} }`. */
type Node = Readonly<Record<string, unknown>>;

/** Nodes that hold others and mean nothing by themselves. */
const PLAIN = new Set([
  'A_Const',
  'String',
  'A_ArrayExpr',
  'A_Indices',
  'BoolExpr',
  'NullTest',
  'BooleanTest',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'MinMaxExpr',
  'CollateClause',
  'NamedArgExpr',
  'List',
  'RowExpr',
]);

/** Why a node has no place in an expression over one row. */
const REFUSED: Readonly<Record<string, string>> = {
  SubLink: 'a subquery reads other rows; an expression sees one row',
  SelectStmt: 'a subquery reads other rows; an expression sees one row',
  ParamRef: 'a parameter such as $1 has no value here',
  SetToDefault: '`default` has no meaning here',
  GroupingFunc: 'grouping() belongs to an aggregate; an expression sees one row',
  WindowDef: 'a window function sees other rows; an expression sees one row',
  A_Star: '`*` is more than one value',
  CurrentOfExpr: '`current of` has no meaning here',
};

/** Walks the tree of one expression. */
export function walkExpression(root: unknown): Walked {
  const walked: Walked = { columns: [], named: [], problems: [] };
  visit(root, walked);
  return walked;
}

function visit(value: unknown, walked: Walked): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, walked);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const [entry] = Object.entries(value as Node);
  if (!entry || !/^[A-Z]/.test(entry[0])) return;
  visitNode(entry[0], entry[1] as Node, walked);
}

function visitNode(type: string, node: Node, walked: Walked): void {
  const at = typeof node['location'] === 'number' ? node['location'] : null;
  const refuse = (message: string): void => {
    walked.problems.push({ message, at });
  };
  const children = (): void => {
    for (const child of Object.values(node)) visit(child, walked);
  };
  switch (type) {
    case 'ColumnRef':
      return visitColumn(node, at, walked, refuse);
    case 'FuncCall':
      return visitCall(node, walked, refuse);
    case 'A_Expr':
      visitOperator(node, walked);
      return children();
    case 'TypeCast':
      noteType(node['typeName'] as Node, walked, refuse);
      return visit(node['arg'], walked);
    case 'A_Indirection':
      visit(node['arg'], walked);
      for (const step of list(node['indirection'])) if (!('String' in step)) visit(step, walked);
      return;
    case 'SQLValueFunction':
      return refuse(`${words(node['op'])} is not immutable: it gives another value at another time`);
    default:
      if (PLAIN.has(type)) return children();
      refuse(REFUSED[type] ?? `${type} is not supported in an expression`);
  }
}

function visitColumn(node: Node, at: number | null, walked: Walked, refuse: (message: string) => void): void {
  const fields = list(node['fields']);
  const names = fields.map(nameOf);
  const [name] = names;
  if (fields.some((field) => 'A_Star' in field)) return refuse('`*` is more than one value');
  if (names.length !== 1 || name === undefined) return refuse(`write "${names.at(-1)}" without the name of its table`);
  walked.columns.push({ name, at });
}

function visitCall(node: Node, walked: Walked, refuse: (message: string) => void): void {
  const names = list(node['funcname']).map(nameOf);
  const name = names.at(-1) ?? '';
  const args = list(node['args']);
  if ('over' in node) return refuse(`${name}() over (...) is a window function; an expression sees one row`);
  if (['agg_star', 'agg_distinct', 'agg_filter', 'agg_order', 'agg_within_group'].some((field) => node[field])) {
    return refuse(`${name}() is called as an aggregate; an expression sees one row`);
  }
  const plain = args.map((arg) =>
    'ColumnRef' in arg ? nameOf(list((arg['ColumnRef'] as Node)['fields'])[0] ?? {}) : 'A_Const' in arg ? '' : null,
  );
  walked.named.push({
    kind: 'function',
    schema: names.length > 1 ? (names.at(-2) ?? null) : null,
    name,
    args: node['func_variadic'] ? null : args.length,
    columns: plain.includes(null) ? null : plain.filter((column): column is string => column !== null && column !== ''),
  });
  for (const arg of args) visit(arg, walked);
}

/** Kinds of A_Expr whose name is the operator that runs. */
function visitOperator(node: Node, walked: Walked): void {
  const names = list(node['name']).map(nameOf);
  const name = names.at(-1);
  // BETWEEN is written as one name and is two comparisons.
  if (name === undefined || /BETWEEN/.test(String(node['kind']))) return;
  const schema = names.length > 1 ? (names.at(-2) ?? null) : null;
  walked.named.push({ kind: 'operator', schema, name, args: 'lexpr' in node ? 2 : 1, columns: null });
}

function noteType(typeName: Node, walked: Walked, refuse: (message: string) => void): void {
  const names = list(typeName['names']).map(nameOf);
  if (typeName['setof'] || typeName['pct_type']) return refuse('setof and %type are not types of a value');
  const schema = names.length > 1 ? (names.at(-2) ?? null) : null;
  walked.named.push({ kind: 'cast', schema, name: names.at(-1) ?? '', args: null, columns: null });
}

const list = (value: unknown): readonly Node[] => (Array.isArray(value) ? (value as Node[]) : []);

const nameOf = (node: Node): string => {
  const text = node['String'] as Node | undefined;
  return typeof text?.['sval'] === 'string' ? text['sval'] : '';
};

const words = (op: unknown): string =>
  String(op)
    .replace(/^SVFOP_/, '')
    .replace(/_N$/, '')
    .toLowerCase();

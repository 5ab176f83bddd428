import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { ROOT } from '../workspace.ts';

/** What a place in an object may hold. */
type Shape =
  | { readonly kind: 'object'; readonly keys: ReadonlyMap<string, Shape> }
  | { readonly kind: 'map'; readonly values: Shape }
  | { readonly kind: 'list'; readonly items: Shape }
  /** The shape that a file of types declares; read when it is needed, since some refer to themselves. */
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'any' };

const ANY: Shape = { kind: 'any' };
const shapes = new Map<string, Shape>();

/** Paths of the keys of an object that the types of its kind do not declare: `spec.template.spec.contianers`. */
export function unknownKeys(value: unknown, typesFile: string): string[] {
  return look(value, { kind: 'file', file: typesFile }, '');
}

function look(value: unknown, shape: Shape, path: string): string[] {
  if (shape.kind === 'any') return [];
  if (shape.kind === 'file') return look(value, shapeOf(shape.file), path);
  if (shape.kind === 'list') {
    return Array.isArray(value) ? value.flatMap((item, index) => look(item, shape.items, `${path}[${index}]`)) : [];
  }
  return entriesOf(value).flatMap(([key, item]) => {
    const inner = shape.kind === 'map' ? shape.values : shape.keys.get(key);
    return inner === undefined ? [below(path, key)] : look(item, inner, below(path, key));
  });
}

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

const below = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** The interface that a file of the models declares, read out of its types by a real parser. */
function shapeOf(file: string): Shape {
  const known = shapes.get(file);
  if (known !== undefined) return known;
  const { program, module } = parseSync(file, readFileSync(file, 'utf8'));
  const imports = new Map(
    module.staticImports.flatMap(({ moduleRequest, entries }) =>
      entries.map(({ localName }) => [localName.value, resolveTypes(file, moduleRequest.value)] as const),
    ),
  );
  const declared = (program.body as unknown as readonly Node[])
    .map((statement) => (isNode(statement['declaration']) ? statement['declaration'] : statement))
    .find(({ type }) => type === 'TSInterfaceDeclaration');
  const body = declared?.['body'];
  // Where a file declares no interface it is a word or a number, such as a quantity.
  const shape = isNode(body) ? membersShape(body['body'], imports) : ANY;
  shapes.set(file, shape);
  return shape;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

function resolveTypes(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(from), specifier.replace(/\.js$/, '.d.ts'));
  return join(ROOT, 'node_modules', `${specifier}.d.ts`);
}

type Imports = ReadonlyMap<string, string>;

function membersShape(members: unknown, imports: Imports): Shape {
  const keys = new Map<string, Shape>();
  for (const member of Array.isArray(members) ? members.filter(isNode) : []) {
    const shape = annotationShape(member['typeAnnotation'], imports);
    if (member.type === 'TSIndexSignature') return { kind: 'map', values: shape };
    const { key } = member;
    if (member.type === 'TSPropertySignature' && isNode(key)) keys.set(String(key['value'] ?? key['name']), shape);
  }
  return { kind: 'object', keys };
}

/** `: T` */
const annotationShape = (annotation: unknown, imports: Imports): Shape =>
  isNode(annotation) ? typeShape(annotation['typeAnnotation'], imports) : ANY;

function typeShape(node: unknown, imports: Imports): Shape {
  if (!isNode(node)) return ANY;
  if (node.type === 'TSTypeLiteral') return membersShape(node['members'], imports);
  if (node.type === 'TSArrayType') return { kind: 'list', items: typeShape(node['elementType'], imports) };
  if (node.type !== 'TSTypeReference' || !isNode(node['typeName'])) return ANY;
  const name = String(node['typeName']['name']);
  const args = isNode(node['typeArguments']) ? node['typeArguments']['params'] : undefined;
  if (name === 'Array') return { kind: 'list', items: Array.isArray(args) ? typeShape(args[0], imports) : ANY };
  const file = imports.get(name);
  return file !== undefined && existsSync(file) ? { kind: 'file', file } : ANY;
}

import { formatPath, nearestName, type Problem } from '@switchyard/contracts';
import { hasSqlDetails, parse, scan } from 'libpg-query';
import { quoteName } from '../identifiers.js';
import type { Place } from '../spec/change.js';
import type { Named, References } from './volatility.js';
import { walkExpression } from './walk.js';

/** What the check of one expression gave. */
export type ExpressionCheck =
  | { readonly ok: true; readonly references: References }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Before the expression; on a line of its own, so that nothing in the expression can reach it. */
const OPENING = 'select (\n';

interface Options {
  /** Names of the columns that the expression may use. */
  readonly columns: readonly string[];
  /** What the columns are columns of, for messages. */
  readonly of: string;
  readonly at: Place;
}

/** Checks that a text is one scalar expression over the given columns. Volatility is the catalog's to judge. */
export async function checkExpression(text: string, options: Options): Promise<ExpressionCheck> {
  const fail = (messages: readonly string[]): ExpressionCheck => ({
    ok: false,
    problems: messages.map((message) => ({ path: formatPath(options.at), keys: [...options.at], message })),
  });
  const parsed = await parseInside(text, OPENING, '\n)');
  if ('problem' in parsed) return fail([parsed.problem]);
  const select = parsed.select;
  const [target, ...more] = Array.isArray(select['targetList']) ? (select['targetList'] as ResTarget[]) : [];
  const extra = Object.keys(select).filter((key) => !['targetList', 'limitOption', 'op'].includes(key));
  const value = target?.ResTarget?.val;
  if (value === undefined || more.length || extra.length || select['op'] !== 'SETOP_NONE' || target?.ResTarget?.name) {
    return fail(['must be one expression; this closes its parenthesis and goes on']);
  }
  // `(a, b)` is a row: several values.
  if ('RowExpr' in value) return fail(['gives several values; a column takes one']);
  const { columns, named, problems } = walkExpression(value);
  const messages = problems.map(({ message, at }) => message + placeOf(at, text));
  for (const { name, at } of columns) {
    if (!options.columns.includes(name)) messages.push(unknownColumn(name, options) + placeOf(at, text));
  }
  if (messages.length) return fail([...new Set(messages)]);
  return { ok: true, references: { columns: [...new Set(columns.map(({ name }) => name))], named: unique(named) } };
}

/** Checks that a text is one type name. Whether the type exists is the catalog's to say. */
export async function checkType(text: string, at: Place): Promise<readonly Problem[]> {
  const problem = (message: string): Problem[] => [{ path: formatPath(at), keys: [...at], message }];
  const parsed = await parseInside(text, 'select cast(null as\n', '\n)');
  if ('problem' in parsed) return problem(parsed.problem);
  const [target, ...more] = (parsed.select['targetList'] as ResTarget[] | undefined) ?? [];
  const value = target?.ResTarget?.val;
  const keys = Object.keys(parsed.select).filter((key) => !['targetList', 'limitOption', 'op'].includes(key));
  if (!value || !('TypeCast' in value) || more.length || keys.length) return problem(`"${text}" is not a type`);
  const { problems } = walkExpression(value);
  return problems.flatMap(({ message }) => problem(message));
}

interface ResTarget {
  readonly ResTarget?: { readonly val?: Readonly<Record<string, unknown>>; readonly name?: string };
}

type Inside = { readonly select: Readonly<Record<string, unknown>> } | { readonly problem: string };

async function parseInside(text: string, opening: string, closing: string): Promise<Inside> {
  if (text.trim() === '') return { problem: 'must not be empty' };
  try {
    const { stmts } = await parse(`${opening}${text}${closing}`);
    // Only now: the scanner by itself cannot say what is wrong with a text that has no end.
    const { tokens } = await scan(text);
    if (tokens.some(({ tokenName }) => tokenName === 'SQL_COMMENT' || tokenName === 'C_COMMENT')) {
      return { problem: 'holds a comment; the text is put into statements, so write the comment in the YAML' };
    }
    const [only, ...more] = (stmts ?? []) as { stmt?: Record<string, unknown> }[];
    const select = only?.stmt?.['SelectStmt'] as Record<string, unknown> | undefined;
    if (!select || more.length) return { problem: 'must be one expression, without `;`' };
    return { select };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const at = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? null) : null;
    return { problem: `PostgreSQL cannot read it: ${error.message}${placeOf(at, text, opening)}` };
  }
}

/** A byte of the statement as the character of the expression that people count. */
function placeOf(byte: number | null, text: string, opening = OPENING): string {
  if (byte === null) return '';
  const inside = byte - opening.length;
  const bytes = new TextEncoder().encode(text);
  if (inside < 0 || inside > bytes.length) return '';
  return ` (character ${Array.from(new TextDecoder().decode(bytes.slice(0, inside))).length + 1})`;
}

function unknownColumn(name: string, { columns, of }: Options): string {
  const other = columns.find((column) => column !== name && column.toLowerCase() === name.toLowerCase());
  if (other !== undefined) return `${of} has no column "${name}"; write ${quoteName(other)} in quotes`;
  const near = nearestName(name, columns);
  return `${of} has no column "${name}"${near === undefined ? `; it has ${columns.join(', ')}` : `; did you mean "${near}"?`}`;
}

const unique = (named: readonly Named[]): readonly Named[] => [
  ...new Map(named.map((one) => [JSON.stringify(one), one])).values(),
];

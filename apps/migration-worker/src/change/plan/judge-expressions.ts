import { formatPath, type Problem } from '@switchyard/contracts';
import type { ChangeSession } from '@switchyard/change-database';
import {
  addProbeColumns,
  columnOf,
  createProbe,
  createProbeOf,
  judgeVolatility,
  keyOf,
  overloadsOf,
  probeAssignable,
  probeImmutable,
  type Catalog,
  type Change,
  type Overload,
  type Statement,
} from '@switchyard/schema-change';
import type { CheckedExpression } from '@switchyard/schema-change/parse';
import { sqlStateOf, toDatabaseError } from '@switchyard/shared-db';
import { z } from 'zod';

const overloadRow = z.custom<Overload>((row) => typeof row === 'object' && row !== null);

interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/** Options of {@link judgeExpressions}. */
export interface JudgeOptions {
  readonly change: Change;
  readonly catalog: Catalog;
  readonly expressions: readonly CheckedExpression[];
}

/** What catalog and server say of expressions that are well formed: whether they are immutable, and fit their column. */
export async function judgeExpressions(session: ChangeSession, options: JudgeOptions): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const expression of options.expressions) {
    // oxlint-disable-next-line no-await-in-loop -- one connection answers one question at a time
    problems.push(...(await judge(session, options, expression)));
  }
  return problems;
}

async function judge(
  session: ChangeSession,
  { change, catalog }: JudgeOptions,
  expression: CheckedExpression,
): Promise<readonly Problem[]> {
  const path = formatPath(expression.at);
  const seen = columnsFor(change, catalog, expression);
  const overloads = await session.rows(overloadRow, overloadsOf(expression.references.named));
  const { problems, exempt } = judgeVolatility({
    references: expression.references,
    overloads,
    types: Object.fromEntries(seen.map(({ name, type }) => [name, type])),
    at: expression.at,
    path,
  });
  if (problems.length > 0) return problems;
  const said = await probe(session, {
    table: probeOf(change, expression, seen),
    expression,
    type: typeOf(change, catalog, expression),
    isExempt: exempt.length > 0,
  });
  return said === undefined ? [] : [{ path, keys: [...expression.at], message: said }];
}

/** Whether an expression stands over the old row; the others stand over the new shape. */
const isOverOld = ({ role }: CheckedExpression): boolean => role === 'derive' || role === 'where';

/** The columns that an expression may name, with their types. */
function columnsFor(change: Change, catalog: Catalog, expression: CheckedExpression): readonly TypedColumn[] {
  if (isOverOld(expression)) return catalog.columns;
  if (!change.target) return [...catalog.columns, ...change.columns];
  const key = (keyOf(change, catalog) ?? []).map((name, i) => ({
    name: change.target?.key[i] ?? name,
    type: columnOf(catalog, name)?.type ?? 'text',
  }));
  return [...key, ...change.columns];
}

/** Type of the value: of the column that takes it, or a condition's. */
function typeOf(change: Change, catalog: Catalog, { role, column }: CheckedExpression): string {
  if (role === 'derive') return change.columns.find(({ name }) => name === column)?.type ?? 'text';
  return role === 'reverse' ? (columnOf(catalog, column)?.type ?? 'text') : 'boolean';
}

function probeOf(change: Change, expression: CheckedExpression, seen: readonly TypedColumn[]): readonly Statement[] {
  if (change.target && !isOverOld(expression)) return [createProbeOf(seen)];
  return isOverOld(expression)
    ? [createProbe(change.source)]
    : [createProbe(change.source), addProbeColumns(change.columns)];
}

interface Probe {
  readonly table: readonly Statement[];
  readonly expression: CheckedExpression;
  readonly type: string;
  /** It holds a stable function that is immutable over text: then only its type is probed. */
  readonly isExempt: boolean;
}

const INTO = '_sy_into';

/** Asks PostgreSQL on an empty temporary copy, in a transaction that is rolled back. Undefined: nothing is wrong. */
async function probe(
  session: ChangeSession,
  { table, expression, type, isExempt }: Probe,
): Promise<string | undefined> {
  const asked = isExempt
    ? [addProbeColumns([{ name: INTO, type }]), probeAssignable(expression.expression, INTO)]
    : [probeImmutable(expression.expression, type)];
  try {
    await session.transaction('read committed', async () => {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      for (const statement of [...table, ...asked]) await session.run(statement);
      throw new RolledBack();
    });
  } catch (error) {
    if (error instanceof RolledBack) return undefined;
    if (sqlStateOf(error) === undefined) throw error;
    if (sqlStateOf(error) === '42P17') return 'is not immutable: the same row could give another value tomorrow';
    return `PostgreSQL refuses it: ${toDatabaseError(error).message}`;
  }
  return undefined;
}

class RolledBack extends Error {}

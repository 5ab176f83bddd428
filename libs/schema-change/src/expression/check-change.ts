import type { Problem } from '@switchyard/contracts';
import type { Catalog } from '../catalog/catalog.js';
import { keyOf } from '../catalog/shape.js';
import { showTable } from '../identifiers.js';
import type { Change, Place } from '../spec/change.js';
import { checkExpression, checkType } from './check.js';
import type { References } from './volatility.js';

/** An expression of a change that is well formed. */
export interface CheckedExpression {
  /** `derive`: f; `reverse`: g; `where`, `check`: conditions. */
  readonly role: 'derive' | 'reverse' | 'where' | 'check';
  /** The column that takes the value; empty for conditions. */
  readonly column: string;
  readonly expression: string;
  readonly at: Place;
  readonly references: References;
}

/** What the check of all expressions of a change gave. */
export interface ExpressionsCheck {
  readonly problems: readonly Problem[];
  readonly expressions: readonly CheckedExpression[];
}

/** Checks every expression and type of a change against the columns of its tables. */
export async function checkChangeExpressions(change: Change, catalog: Catalog): Promise<ExpressionsCheck> {
  const old = catalog.columns.map(({ name }) => name);
  const made = change.columns.map(({ name }) => name);
  const going = new Set([...change.drop, ...change.reverse.map(({ name }) => name)]);
  // g looks at the new shape. In one row that includes the old columns that stay and that no g writes.
  const fresh = change.target ? [...change.target.key, ...made] : [...made, ...old.filter((name) => !going.has(name))];
  const newTable = showTable(change.target?.table ?? change.source);
  const oldTable = showTable(change.source);
  const key = keyOf(change, catalog) ?? [];

  const wanted: readonly (Omit<CheckedExpression, 'references'> & { columns: readonly string[]; of: string })[] = [
    ...change.columns.map(({ name, from, at }) => ({
      role: 'derive' as const,
      column: name,
      expression: from,
      at: [...at, 'from'],
      columns: old,
      of: oldTable,
    })),
    ...change.reverse.map(({ name, from, at }) => ({
      role: 'reverse' as const,
      column: name,
      expression: from,
      at,
      columns: fresh,
      of: 'the new shape',
    })),
    ...(change.target?.where === null || change.target === null
      ? []
      : [
          {
            role: 'where' as const,
            column: '',
            expression: change.target.where,
            at: ['spec', 'target', 'where'],
            columns: old,
            of: oldTable,
          },
        ]),
    ...change.constraints.flatMap((constraint) =>
      constraint.kind === 'check'
        ? [
            {
              role: 'check' as const,
              column: '',
              expression: constraint.check,
              at: [...constraint.at, 'check'],
              columns: change.target ? fresh : [...fresh, ...key],
              of: newTable,
            },
          ]
        : [],
    ),
  ];
  const problems: Problem[] = [];
  const expressions: CheckedExpression[] = [];
  for (const { columns, of, ...expression } of wanted) {
    const checked = await checkExpression(expression.expression, { columns, of, at: expression.at });
    if (checked.ok) expressions.push({ ...expression, references: checked.references });
    else problems.push(...checked.problems);
  }
  for (const { type, at } of change.columns) problems.push(...(await checkType(type, [...at, 'type'])));
  return { problems, expressions };
}

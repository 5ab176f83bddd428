import { formatPath, nearestName, type Problem } from '@switchyard/contracts';
import { showTable } from '../identifiers.js';
import { newTableOf, type Change, type Place } from '../spec/change.js';
import type { Shape, ShapeColumn } from '../sql/shape.js';
import { columnOf, type Catalog } from './catalog.js';

/** The columns that identify a row: those of the spec, or of the primary key; null: there are none. */
export function keyOf(change: Change, catalog: Catalog): readonly string[] | null {
  return change.key ?? catalog.indexes.find(({ primary }) => primary)?.columns ?? null;
}

/** What joining a change with the catalog gave. */
export type ResolvedShape =
  { readonly ok: true; readonly shape: Shape } | { readonly ok: false; readonly problems: readonly Problem[] };

/** Finds the types that the statements need. `id` tells this run from others, such as its run id. */
export function resolveShape(change: Change, catalog: Catalog, id: string): ResolvedShape {
  const problems: Problem[] = [];
  const say = (keys: Place, message: string): void => {
    problems.push({ keys: [...keys], path: formatPath(keys), message });
  };
  const missing = (name: string): string => {
    const near = nearestName(
      name,
      catalog.columns.map((column) => column.name),
    );
    return `${showTable(change.source)} has no column "${name}"${near === undefined ? '' : `; did you mean "${near}"?`}`;
  };
  if (!catalog.table) say(['spec', 'table'], `${showTable(change.source)} does not exist`);

  const keyColumns = keyOf(change, catalog);
  if (catalog.table && !keyColumns) say(['spec', 'key'], 'is required: the table has no primary key');
  const targetKey = change.target?.key ?? keyColumns ?? [];
  if (keyColumns && targetKey.length !== keyColumns.length) {
    say(['spec', 'target', 'key'], `must hold ${keyColumns.length} columns, for ${keyColumns.join(', ')}`);
  }
  const key = (keyColumns ?? []).flatMap((name, i) => {
    const column = columnOf(catalog, name);
    if (!column) say(['spec', 'key', i], missing(name));
    return column
      ? [{ source: name, target: targetKey[i] ?? name, type: column.type, collation: column.collation }]
      : [];
  });
  const reverse: ShapeColumn[] = change.reverse.flatMap(({ name, from, at }) => {
    const column = columnOf(catalog, name);
    if (!column && catalog.table) say(at, missing(name));
    if (column?.generated) say(at, `"${name}" is a generated column; PostgreSQL does not let it be written`);
    return column ? [{ name, type: column.type, expression: from }] : [];
  });
  for (const [i, name] of change.drop.entries()) {
    if (catalog.table && !columnOf(catalog, name)) say(['spec', 'drop', i], missing(name));
  }
  if (problems.length) return { ok: false, problems };
  return {
    ok: true,
    shape: {
      id,
      source: change.source,
      target: newTableOf(change),
      sameRow: change.target === null,
      where: change.target?.where ?? null,
      key,
      columns: change.columns.map(({ name, type, from }) => ({ name, type, expression: from })),
      reverse,
    },
  };
}

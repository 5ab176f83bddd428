import { formatPath, nearestName, type Problem } from '@switchyard/contracts';
import { showTable, type TableName } from '../identifiers.js';
import type { Change, Place } from './change.js';

/** Everything that is wrong with a change by itself, before any database is asked. */
export function checkChange(change: Change): readonly Problem[] {
  return [...checkShape(change), ...checkNames(change), ...checkConstraints(change), ...checkSwitch(change)];
}

const problem = (keys: Place, message: string): Problem => ({ keys: [...keys], path: formatPath(keys), message });

const same = (a: TableName, b: TableName): boolean => a.schema === b.schema && a.name === b.name;

function checkShape(change: Change): Problem[] {
  const { columns, reverse, drop, source, target, key } = change;
  const found: Problem[] = [];
  if (columns.length === 0) {
    found.push(problem(['spec'], 'names nothing to make; write `columns`, `target` or `presets`'));
  }
  if (target && same(target.table, source)) {
    found.push(problem(['spec', 'target', 'table'], 'is the old table itself; write `columns` for new columns in it'));
  }
  if (target && key && target.key.length !== key.length) {
    found.push(problem(['spec', 'target', 'key'], `must hold ${key.length} columns, one for each column of \`key\``));
  }
  const old = new Set([...drop, ...reverse.map(({ name }) => name), ...(key ?? [])]);
  for (const [i, column] of columns.entries()) {
    if (columns.findIndex(({ name }) => name === column.name) < i) {
      found.push(problem(column.at, `"${column.name}" is made twice`));
    }
    if (!target && old.has(column.name)) {
      found.push(
        problem(column.at, `"${column.name}" is an old column; the new one stands beside it under its own name`),
      );
    }
    if (target?.key.includes(column.name)) {
      found.push(
        problem(column.at, `"${column.name}" is the key of the new table, which is filled without an expression`),
      );
    }
  }
  const reversed = new Set<string>();
  for (const { name, at } of reverse) {
    if (reversed.has(name)) found.push(problem(at, `"${name}" has two expressions`));
    reversed.add(name);
  }
  for (const name of new Set(drop)) {
    if (key?.includes(name)) {
      found.push(
        problem(['spec', 'drop'], `"${name}" is part of the key; a key column cannot be dropped by this change`),
      );
    }
    if (!reversed.has(name)) {
      found.push(
        problem(
          ['spec', 'reverse'],
          `needs an expression for "${name}", which \`drop\` names: without it nothing can go back after writes were switched`,
        ),
      );
    }
  }
  return found;
}

function checkNames(change: Change): Problem[] {
  const found: Problem[] = [];
  const made = change.columns.map(({ name }) => name);
  const known = [...made, ...(change.target?.key ?? [])];
  const unknown = (name: string): string => {
    const near = nearestName(name, known);
    return `"${name}" is not a new column${near === undefined ? `; new columns: ${made.join(', ')}` : `; did you mean "${near}"?`}`;
  };
  for (const [i, name] of change.notNull.entries()) {
    if (!made.includes(name)) found.push(problem(['spec', 'notNull', i], unknown(name)));
  }
  const taken = new Set<string>();
  for (const [i, index] of change.indexes.entries()) {
    if (taken.has(index.name)) found.push(problem(['spec', 'indexes', i, 'name'], `"${index.name}" is used twice`));
    taken.add(index.name);
    for (const [j, name] of index.columns.entries()) {
      const at: Place = ['spec', 'indexes', i, 'columns', j];
      if (change.target && !known.includes(name)) found.push(problem(at, unknown(name)));
      if (!change.target && change.drop.includes(name)) {
        found.push(problem(at, `"${name}" is dropped at the end, and the index would go with it`));
      }
    }
  }
  return found;
}

function checkConstraints(change: Change): Problem[] {
  const found: Problem[] = [];
  const taken = new Set<string>();
  for (const constraint of change.constraints) {
    if (taken.has(constraint.name))
      found.push(problem([...constraint.at, 'name'], `"${constraint.name}" is used twice`));
    taken.add(constraint.name);
    if (constraint.kind !== 'foreignKey') continue;
    if (constraint.columns.length !== constraint.referencedColumns.length) {
      found.push(problem([...constraint.at, 'foreignKey'], 'must name as many referencedColumns as columns'));
    }
    // The application deletes and renames rows of the old table before the stream has done the same in the new one.
    const cascades = constraint.onDelete === 'cascade' && constraint.onUpdate === 'cascade';
    if (change.target && same(constraint.references, change.source) && !cascades) {
      found.push(
        problem(
          [...constraint.at, 'foreignKey'],
          `refers to ${showTable(change.source)}, so it needs onDelete: cascade and onUpdate: cascade: without them the application's own deletes would fail while both shapes live`,
        ),
      );
    }
  }
  return found;
}

function checkSwitch({ drop, switch: { readFlag, writeFlag } }: Change): Problem[] {
  if (drop.length === 0 || (readFlag !== undefined && writeFlag !== undefined)) return [];
  return [
    problem(
      ['spec', 'switch'],
      'needs readFlag and writeFlag: without them nobody can be told to leave what `drop` names',
    ),
  ];
}

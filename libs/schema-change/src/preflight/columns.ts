import { columnOf, type Catalog } from '../catalog/catalog.js';
import { keyOf, resolveShape } from '../catalog/shape.js';
import { showTable } from '../identifiers.js';
import { newTableOf, type Change } from '../spec/change.js';
import { obstacle, warning, type Finding } from './finding.js';

/** What is wrong with the columns and names of the change. */
export function columnObstacles(change: Change, catalog: Catalog): Finding[] {
  if (!catalog.table) return [];
  const found: Finding[] = [];
  const resolved = resolveShape(change, catalog, '');
  for (const { path, keys, message } of resolved.ok ? [] : resolved.problems) {
    // A missing key is told by the check of the table.
    if (keys[1] !== 'key') found.push(obstacle('column-missing', path, `${message}.`, `Correct ${path}.`));
  }
  if (!change.target) {
    for (const { name } of change.columns) {
      if (!columnOf(catalog, name)) continue;
      found.push(
        obstacle(
          'column-taken',
          name,
          `${showTable(change.source)} already has a column "${name}".`,
          'Choose another name, or drop the column if it was left by an earlier attempt.',
        ),
      );
    }
  }
  for (const { kind, name } of catalog.taken) {
    found.push(
      obstacle(
        'name-taken',
        name,
        `There is already a ${kind} ${name}${kind === 'index' || kind === 'constraint' ? ` beside ${showTable(newTableOf(change))}` : ''}.`,
        'Choose another name, or remove what is there.',
      ),
    );
  }
  const key = keyOf(change, catalog) ?? [];
  for (const name of change.drop.filter((column) => key.includes(column))) {
    found.push(
      obstacle('key-column', name, `"${name}" is part of the key and cannot be dropped.`, 'Take it from `spec.drop`.'),
    );
  }
  return found;
}

/** Dependents that PostgreSQL removes together with the column, and that a person should know of. */
const GOES_ALONG = new Set(['index', 'check', 'unique constraint', 'foreign key', 'statistics', 'sequence']);

/** What hangs on the columns that are dropped, and triggers that would see our writes. */
export function dependentObstacles(change: Change, catalog: Catalog): Finding[] {
  const dropped = new Set(change.drop);
  const found = catalog.dependents
    .filter(({ column }) => dropped.has(column))
    .map(({ kind, name, column }) =>
      GOES_ALONG.has(kind)
        ? warning(
            'dependent',
            name,
            `The ${kind} ${name} uses "${column}" and goes with it.`,
            'Make its successor over the new columns, if it is still needed.',
          )
        : obstacle(
            'dependent',
            name,
            `The ${kind} ${name} uses "${column}", so the column cannot be dropped.`,
            `Change or drop the ${kind} first.`,
          ),
    );
  return [...found, ...triggerFindings(change, catalog)];
}

function triggerFindings(change: Change, catalog: Catalog): Finding[] {
  // Forward writes touch the new columns, reverse writes the old ones; a new table has no triggers yet.
  const written = new Set([...(change.target ? [] : change.columns), ...change.reverse].map(({ name }) => name));
  const found: Finding[] = [];
  for (const trigger of catalog.triggers) {
    const fires =
      trigger.onUpdate && (trigger.columns.length === 0 || trigger.columns.some((column) => written.has(column)));
    const silent = catalog.server.canSilenceTriggers && !trigger.always;
    if (fires && !silent) {
      found.push(
        obstacle(
          'trigger',
          trigger.name,
          `The trigger ${trigger.name} would fire for every row that is backfilled.`,
          trigger.always
            ? `It is ENABLE ALWAYS; alter table ... enable trigger ${trigger.name};`
            : 'grant set on parameter session_replication_role to <role>; then our own writes do not fire it.',
        ),
      );
    } else {
      found.push(
        warning(
          'trigger',
          trigger.name,
          `${fires ? 'Our own writes do not fire the trigger' : 'There is a trigger'} ${trigger.name}; what its function ${trigger.function} reads cannot be known from outside.`,
          `Look whether ${trigger.function} uses ${change.drop.join(', ') || 'an old column'}.`,
        ),
      );
    }
  }
  return found;
}

import type { Catalog } from '../catalog/catalog.js';
import { columnOf } from '../catalog/catalog.js';
import { keyOf } from '../catalog/shape.js';
import { quoteNames, quoteTable, showTable } from '../identifiers.js';
import type { Change } from '../spec/change.js';
import { obstacle, warning, type Finding } from './finding.js';

/** What is wrong with the old table itself. */
export function tableObstacles(change: Change, catalog: Catalog): Finding[] {
  const { table } = catalog;
  const name = showTable(change.source);
  if (!table) {
    return [
      obstacle(
        'table-missing',
        name,
        `${name} does not exist, or the role may not see it.`,
        'Correct `spec.table`, or grant usage on the schema.',
      ),
    ];
  }
  const found: Finding[] = [];
  if (!['r', 'p'].includes(table.kind) || table.inherited) {
    found.push(
      obstacle(
        'table-kind',
        name,
        table.inherited ? `${name} has children by inheritance.` : `${name} is not a table.`,
        'Only plain and partitioned tables can be changed.',
      ),
    );
  }
  if (table.persistence !== 'p') {
    found.push(
      obstacle(
        'table-kind',
        name,
        `${name} is not logged, so its changes are not in the log.`,
        `alter table ${quoteTable(change.source)} set logged;`,
      ),
    );
  }
  if (!table.owned) {
    found.push(
      obstacle(
        'privilege',
        name,
        `The role does not own ${name}.`,
        'grant <owner> to <role>; or use the connection of the owner.',
      ),
    );
  }
  if (table.forcedRowSecurity) {
    found.push(
      obstacle(
        'row-security',
        name,
        `${name} forces row security on its owner too, so rows could be hidden from the backfill and from parity.`,
        `Use a role with bypassrls, or alter table ${quoteTable(change.source)} no force row level security;`,
      ),
    );
  }
  return [...found, ...keyObstacles(change, catalog), ...publicationFindings(change, catalog)];
}

function keyObstacles(change: Change, catalog: Catalog): Finding[] {
  const name = showTable(change.source);
  const key = keyOf(change, catalog);
  if (!key) {
    return [obstacle('no-key', name, `${name} has no primary key.`, 'Add one, or name a unique key in `spec.key`.')];
  }
  const wanted = [...key].toSorted().join('\0');
  const index = catalog.indexes.find((i) => i.usableAsKey && [...i.columns].toSorted().join('\0') === wanted);
  const nullable = key.filter((column) => columnOf(catalog, column)?.notNull === false);
  const arrays = key.filter((column) => columnOf(catalog, column)?.isArray);
  const found: Finding[] = [];
  if (!index || nullable.length || arrays.length) {
    const why = arrays.length
      ? `${arrays.join(', ')} is an array`
      : nullable.length
        ? `${nullable.join(', ')} may be NULL`
        : 'no valid unique index covers exactly these columns';
    found.push(
      obstacle(
        'no-key',
        key.join(', '),
        `(${key.join(', ')}) does not identify the rows of ${name}: ${why}.`,
        `create unique index concurrently on ${quoteTable(change.source)} (${quoteNames(key)}); and set the columns not null.`,
      ),
    );
  }
  return [...found, ...identityObstacles(change, catalog, key)];
}

/** A published table whose updates cannot be identified refuses the application's own UPDATE and DELETE. */
function identityObstacles(change: Change, { table, indexes }: Catalog, key: readonly string[]): Finding[] {
  const identity = table?.replicaIdentity;
  if (identity === 'f') return [];
  const index = indexes.find(({ primary, replicaIdentity }) =>
    identity === 'd' ? primary : identity === 'i' && replicaIdentity,
  );
  if (index && key.every((column) => index.columns.includes(column))) return [];
  return [
    obstacle(
      'replica-identity',
      showTable(change.source),
      index
        ? `The replica identity is (${index.columns.join(', ')}) and does not hold the key (${key.join(', ')}).`
        : 'There is no replica identity: as soon as the table is published, the application could no longer update or delete its rows.',
      `alter table ${quoteTable(change.source)} replica identity full; or using a unique index over the key.`,
    ),
  ];
}

function publicationFindings(change: Change, catalog: Catalog): Finding[] {
  return catalog.publications.map(({ name, allTables }) =>
    warning(
      'publication',
      name,
      `The publication ${name} holds the table${allTables ? ', as all tables' : ''}: its subscribers will receive every row of the backfill${change.target ? ' of the new table' : ''}.`,
      'Tell those who consume it, or leave changes with an origin out there.',
    ),
  );
}

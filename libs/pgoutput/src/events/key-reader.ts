import { CodedError } from '@switchyard/contracts';
import { UNCHANGED, type Relation, type Tuple, type Value } from '../decode/messages.js';
import type { RowEvent } from './stream-event.js';

/** The values of the key columns of one row, as PostgreSQL prints them. */
export type Key = readonly string[];

/** The key that a change leaves behind (for a delete: the one that it removed), and the old one when it changed. */
export interface ChangedKey {
  readonly key: Key;
  readonly oldKey?: Key;
}

/**
 * A function that gives the key of a change, by the named columns. It reads a key column that the server left out of the
 * new row, because it is stored out of line and did not change, from the old row. PreflightRefused when a column is not
 * published or, for a delete, not part of the replica identity.
 */
export function keyReader(columns: readonly [string, ...string[]]): (event: RowEvent) => ChangedKey {
  // A relation is described anew after each change of its table, so its identity is that of its columns.
  const known = new WeakMap<Relation, readonly number[]>();
  return (event) => {
    const { relation } = event;
    let places = known.get(relation);
    if (places === undefined) known.set(relation, (places = placesOf(relation, columns)));
    if (event.kind === 'insert') return { key: places.map((place) => value(relation, place, event.row[place])) };
    const old = places.map((place) => oldValue(relation, place, event.oldKey, event.oldRow));
    if (event.kind === 'delete') return { key: old.map((each, i) => value(relation, places[i] ?? 0, each)) };
    const key = places.map((place, i) => {
      const current = event.row[place];
      return value(relation, place, current === UNCHANGED ? old[i] : current);
    });
    // Without an old value the column is as it was.
    const oldKey = key.map((current, i) => {
      const before = old[i];
      return typeof before === 'string' ? before : current;
    });
    return oldKey.every((each, i) => each === key[i]) ? { key } : { key, oldKey };
  };
}

function placesOf(relation: Relation, columns: readonly string[]): readonly number[] {
  return columns.map((name) => {
    const place = relation.columns.findIndex((column) => column.name === name);
    if (place === -1) throw refused(relation, name, 'the publication does not send it; publish the whole table');
    return place;
  });
}

/** The old value, where the server sent one. In a row of key columns only the others read as NULL and mean nothing. */
function oldValue(relation: Relation, place: number, oldKey: Tuple | null, oldRow: Tuple | null): Value | undefined {
  if (oldRow !== null) return oldRow[place];
  return oldKey !== null && relation.columns[place]?.isKey === true ? oldKey[place] : undefined;
}

function value(relation: Relation, place: number, found: Value | undefined): string {
  if (typeof found === 'string') return found;
  const name = relation.columns[place]?.name ?? '';
  if (found === null) throw refused(relation, name, 'it is NULL; a key has to be NOT NULL');
  throw refused(relation, name, 'it is not part of the replica identity; set the identity to an index that holds it');
}

function refused(relation: Relation, column: string, problem: string): CodedError {
  return new CodedError(
    'PreflightRefused',
    `The changes of ${relation.schema}.${relation.name} do not say the key column ${column}: ${problem}`,
    { details: { schema: relation.schema, table: relation.name, column } },
  );
}

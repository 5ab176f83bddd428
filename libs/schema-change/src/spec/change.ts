import type { NewIndex, SchemaChangeSpec } from '@switchyard/contracts';
import type { TableName } from '../identifiers.js';

/** Where in the written spec a part stands, for problems that are found later. */
export type Place = readonly (string | number)[];

/** A new column and its expression over the old row. */
export interface DerivedColumn {
  readonly name: string;
  readonly type: string;
  readonly from: string;
  readonly at: Place;
}

/** An old column and its expression over the new shape. */
export interface ReversedColumn {
  readonly name: string;
  readonly from: string;
  readonly at: Place;
}

/** A foreign key with its table read. */
export type ChangeConstraint =
  | { readonly kind: 'check'; readonly name: string; readonly check: string; readonly at: Place }
  | {
      readonly kind: 'foreignKey';
      readonly name: string;
      readonly columns: readonly string[];
      readonly references: TableName;
      readonly referencedColumns: readonly string[];
      readonly onDelete: string;
      readonly onUpdate: string;
      readonly at: Place;
    };

/** A new table with one row per row of the old one. */
export interface ChangeTarget {
  readonly table: TableName;
  readonly key: readonly string[];
  /** Only rows for which this holds have a row; null: all. */
  readonly where: string | null;
}

/**
 * A schema change in its one normal form: presets written out, names read, defaults in place. Plain JSON.
 * Everything behind the spec looks at this and never at what was written.
 */
export interface Change {
  readonly name: string;
  readonly database: string;
  readonly source: TableName;
  /** Null: the primary key. */
  readonly key: readonly string[] | null;
  /** Null: the new columns stand in the old table. */
  readonly target: ChangeTarget | null;
  readonly columns: readonly DerivedColumn[];
  readonly reverse: readonly ReversedColumn[];
  readonly indexes: readonly NewIndex[];
  readonly constraints: readonly ChangeConstraint[];
  readonly notNull: readonly string[];
  readonly drop: readonly string[];
  readonly capture: SchemaChangeSpec['source'];
  readonly backfill: SchemaChangeSpec['backfill'];
  readonly switch: SchemaChangeSpec['switch'];
  readonly gates: SchemaChangeSpec['gates'];
  readonly approvals: SchemaChangeSpec['approvals'];
}

/** The table that holds the new shape. */
export function newTableOf(change: Change): TableName {
  return change.target?.table ?? change.source;
}

import type { TableName } from '../identifiers.js';

/** A column of the key: its name in both tables (the same name for new columns in the old table) and its type. */
export interface KeyColumn {
  readonly source: string;
  readonly target: string;
  /** As `format_type` writes it. */
  readonly type: string;
  /** SQL text of a collation that is not the default of the type; null otherwise. */
  readonly collation: string | null;
}

/** A column and the expression that gives its value from the other side. */
export interface ShapeColumn {
  readonly name: string;
  readonly type: string;
  readonly expression: string;
}

/**
 * Both sides of a change with all their types known: what every statement is built from.
 * f is `columns` (over the old row), g is `reverse` (over the new one).
 */
export interface Shape {
  /** What the control rows and messages of this run carry. */
  readonly id: string;
  readonly source: TableName;
  readonly target: TableName;
  /** Whether the new columns stand in the old table. */
  readonly sameRow: boolean;
  readonly where: string | null;
  readonly key: readonly KeyColumn[];
  readonly columns: readonly ShapeColumn[];
  readonly reverse: readonly ShapeColumn[];
}

/**
 * Which relation must hold. `derived`: f(old) is the new shape; the only right one until dual write begins.
 * `filled`: f(old) is the new shape, or g(new) is the old one and the new shape holds something; while some writers
 * still leave the new shape out. Without that a row that nobody filled would be right as soon as g(nothing) is the old
 * value, such as a blank name. `consistent`: f(old) is the new shape, or g(new) is the old one; from the time on when
 * every writer knows the new shape.
 */
export type Relation = 'derived' | 'filled' | 'consistent';

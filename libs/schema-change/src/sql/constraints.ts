import { quoteName, quoteNames, quoteTable, type TableName } from '../identifiers.js';
import type { ChangeConstraint } from '../spec/change.js';
import { statement, type Statement } from './statement.js';

/**
 * A CHECK that a column is not null, not yet proved: a moment of ACCESS EXCLUSIVE and no scan. The steps to NOT NULL
 * are this, {@link validateConstraint} beside the writers, {@link setNotNull} which takes the CHECK as its proof,
 * and {@link dropConstraint}.
 */
export function addNotNullCheck(table: TableName, column: string, constraint: string): Statement {
  return statement(
    `alter table ${quoteTable(table)} add constraint ${quoteName(constraint)}
    check (${quoteName(column)} is not null) not valid`,
  );
}

/** Reads the whole table under SHARE UPDATE EXCLUSIVE: readers and writers go on. */
export function validateConstraint(table: TableName, constraint: string): Statement {
  return statement(`alter table ${quoteTable(table)} validate constraint ${quoteName(constraint)}`);
}

export function setNotNull(table: TableName, column: string): Statement {
  return statement(`alter table ${quoteTable(table)} alter column ${quoteName(column)} set not null`);
}

/** Lets a column be empty again: old columns before they are no longer written, new ones before an abort. */
export function dropNotNull(table: TableName, columns: readonly string[]): Statement {
  const parts = columns.map((column) => `alter column ${quoteName(column)} drop not null`);
  return statement(`alter table ${quoteTable(table)} ${parts.join(', ')}`);
}

export function dropConstraint(table: TableName, constraint: string): Statement {
  return statement(`alter table ${quoteTable(table)} drop constraint if exists ${quoteName(constraint)}`);
}

/** A constraint of the spec, not yet proved. */
export function addConstraint(table: TableName, constraint: ChangeConstraint): Statement {
  const add = `alter table ${quoteTable(table)} add constraint ${quoteName(constraint.name)}`;
  if (constraint.kind === 'check') return statement(`${add}\ncheck (${constraint.check}) not valid`);
  const { columns, references, referencedColumns, onDelete, onUpdate } = constraint;
  return statement(
    `${add}
    foreign key (${quoteNames(columns)}) references ${quoteTable(references)} (${quoteNames(referencedColumns)})
    on delete ${onDelete} on update ${onUpdate} not valid`,
  );
}

/** Whether constraints are there and proved. */
export function constraintStates(table: TableName, names: readonly string[]): Statement {
  return statement(
    `select conname::text as name, convalidated as validated from pg_constraint
    where conrelid = to_regclass($1) and conname = any($2::text[]) order by conname`,
    [quoteTable(table), names],
  );
}

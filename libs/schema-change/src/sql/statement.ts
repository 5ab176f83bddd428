/** A value of a statement, passed beside its text. */
export type StatementValue = string | number | boolean | null | readonly string[];

/** One statement for PostgreSQL: text with `$1`, and the values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly StatementValue[];
}

/** A statement; lines of the text are trimmed so that builders can be written as they read. */
export function statement(text: string, values: readonly StatementValue[] = []): Statement {
  return {
    text: text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join('\n'),
    values,
  };
}

/** Rejects a number that must not stand in SQL text. */
export function wholeNumber(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${what} must be a whole number, got ${value}`);
  return value;
}

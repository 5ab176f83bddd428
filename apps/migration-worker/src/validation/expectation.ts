import type { MigrationInput, ValidationReport } from '@switchyard/contracts';

/** One check of the input: a query and what it must return. */
export type Check = MigrationInput['validate'][number];

/** What a query gave: the number of its rows, and the first column of the first one (undefined without rows). */
export interface Observation {
  readonly rows: number;
  readonly value: unknown;
}

/** A number that may be compared; int8 and numeric arrive as text. */
function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  return undefined;
}

/** A value as a report shows it: short, on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'no row';
  if (typeof value === 'string') return value.length > 200 ? `${value.slice(0, 197)}...` : value;
  const json: string | undefined = JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? String(item) : item,
  );
  return json === undefined ? typeof value : json.length > 200 ? `${json.slice(0, 197)}...` : json;
}

/** What the check wants, in words: `at least 1`, `3 rows`. */
export function expected({ expect }: Check): string {
  const parts = [
    expect.equals === undefined ? '' : shown(expect.equals),
    expect.min === undefined ? '' : `at least ${expect.min}`,
    expect.max === undefined ? '' : `at most ${expect.max}`,
    expect.rows === undefined ? '' : `${expect.rows} row${expect.rows === 1 ? '' : 's'}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** Whether a value is the wanted one: numbers by value (`"3"` of an int8 is 3), booleans and texts as they are. */
function isEqual(value: unknown, wanted: string | number | boolean | null): boolean {
  if (typeof wanted === 'number') return asNumber(value) === wanted;
  if (typeof wanted === 'string') return value !== undefined && value !== null && shown(value) === wanted;
  return value === wanted;
}

/** Judges one check. */
export function judge(check: Check, { rows, value }: Observation): ValidationReport {
  const { equals, min, max, rows: wantedRows } = check.expect;
  const number = asNumber(value);
  const passed =
    (equals === undefined || isEqual(value, equals)) &&
    (min === undefined || (number !== undefined && number >= min)) &&
    (max === undefined || (number !== undefined && number <= max)) &&
    (wantedRows === undefined || rows === wantedRows);
  const onlyRows = equals === undefined && min === undefined && max === undefined;
  const observed = onlyRows
    ? `${rows} row${rows === 1 ? '' : 's'}`
    : wantedRows === undefined
      ? shown(value)
      : `${shown(value)}, ${rows} rows`;
  return { name: nameOf(check), passed, expected: expected(check), observed };
}

/** The name of a check: its own, or its query on one line. */
export function nameOf({ name, sql }: Check): string {
  const line = sql.replace(/\s+/g, ' ').trim();
  return name ?? (line.length > 120 ? `${line.slice(0, 117)}...` : line);
}

/**
 * A text quoted for SQL and for replication commands alike, where no parameters are known. A backslash means itself, in SQL
 * by standard_conforming_strings.
 */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new TypeError('A text for PostgreSQL cannot hold a zero byte');
  return `'${text.replaceAll("'", "''")}'`;
}

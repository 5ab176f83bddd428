/**
 * An identifier quoted for SQL text, the one way in this repository to put a name into a statement: `quoteIdent('a"b')` is
 * `"a""b"`, `quoteIdent('public', 'users')` is `"public"."users"`. Throws for a name that PostgreSQL cannot have.
 */
export function quoteIdent(...parts: readonly [string, ...string[]]): string {
  return parts.map(quotePart).join('.');
}

function quotePart(name: string): string {
  if (name === '' || name.includes('\0')) throw new TypeError(`${JSON.stringify(name)} is not an identifier`);
  return `"${name.replaceAll('"', '""')}"`;
}

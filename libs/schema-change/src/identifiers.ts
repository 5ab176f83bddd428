/** A table by its two names, exactly as the catalog holds them. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/**
 * A name as SQL text: always in quotes, so that case, blanks and key words stay what they are.
 * The pure twin of `quoteIdent` of `@switchyard/shared-db`, which workflow code must not import.
 */
export function quoteName(name: string): string {
  if (name === '' || name.includes('\0')) throw new TypeError(`${JSON.stringify(name)} is not an identifier`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"public"."users"`. */
export function quoteTable(table: TableName): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A list of names: `"a", "b"`. */
export function quoteNames(names: readonly string[]): string {
  return names.map(quoteName).join(', ');
}

/** A text value as SQL text. A backslash makes it an E-literal, which means the same under every server setting. */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new TypeError('a text value cannot hold a NUL character');
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return value.includes('\\') ? ` E${quoted}` : quoted;
}

/** What reading a table name gave: the table, or what is wrong with the text. */
export type TableNameRead = { readonly table: TableName } | { readonly problem: string };

/**
 * Reads a table name as SQL writes it. A name outside quotes must already be in lower case: SQL would fold it, and
 * a change of the wrong table is worse than a question.
 */
export function readTableName(text: string): TableNameRead {
  const parts: string[] = [];
  let rest = text.trim();
  for (;;) {
    const quoted = /^"((?:[^"]|"")+)"/.exec(rest);
    const plain = quoted ? null : /^[\p{L}_][\p{L}\p{N}_$]*/u.exec(rest);
    const [whole, name] = quoted ? [quoted[0], quoted[1]?.replaceAll('""', '"')] : [plain?.[0], plain?.[0]];
    if (whole === undefined || name === undefined) {
      return { problem: `"${text}" is not a table name; write schema.table, with names such as "Users" in quotes` };
    }
    if (plain && name !== name.toLowerCase()) {
      return {
        problem: `SQL reads ${name} as ${name.toLowerCase()}; write ${quoteName(name)} in quotes, or lower case`,
      };
    }
    parts.push(name);
    rest = rest.slice(whole.length);
    if (rest === '') break;
    if (!rest.startsWith('.'))
      return { problem: `"${text}" is not a table name; what begins with "${rest}" is too much` };
    rest = rest.slice(1);
  }
  const [first, second] = parts;
  if (first === undefined || parts.length > 2) return { problem: `"${text}" must be table or schema.table` };
  return { table: second === undefined ? { schema: 'public', name: first } : { schema: first, name: second } };
}

/** A table as people read it: `public.users`, with quotes only where SQL needs them. */
export function showTable(table: TableName): string {
  return [table.schema, table.name].map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : quoteName(part))).join('.');
}

/** Names of everything that a change makes beside its columns; nothing else in the database carries them. */
export interface ObjectNames {
  readonly slot: string;
  readonly publication: string;
  /** Prefix of the replication origins, one for each writer. */
  readonly origin: string;
  /** Prefix of the helper constraints. */
  readonly constraintPrefix: string;
  /** Prefix of logical messages. */
  readonly messagePrefix: string;
}

/**
 * The names for one run of a change. `id` is what tells two runs apart, such as the run id: the same id gives the
 * same names, so a repeated activity finds what an earlier attempt made.
 */
export function objectNames(change: string, id: string): ObjectNames {
  const slug = change
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 24);
  const base = `switchyard_${slug}_${fingerprint(`${change}\0${id}`)}`;
  return { slot: base, publication: base, origin: `${base}_`, constraintPrefix: `${base}_`, messagePrefix: base };
}

/** 48 bits of FNV-1a as hex: enough to keep names apart, and without any crypto module for workflow code. */
function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return (hash >> 16n).toString(16).padStart(12, '0');
}

/** One statement of a SQL file. */
export interface Statement {
  /** Its text without the closing semicolon. */
  readonly text: string;
  /** Line of the file where it begins, from 1. */
  readonly line: number;
  /** Its first words in lower case, comments left out: enough to tell what kind it is. */
  readonly words: readonly string[];
}

const WORD = /[A-Za-z_][\w$]*/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const BLANK = /\s+/y;

/** How many first words are kept: `create or replace function` needs four. */
const KEPT_WORDS = 6;

/**
 * Splits SQL text at its semicolons, with PostgreSQL's rules for quotes, dollar quotes, comments (which nest) and bodies
 * of functions written with BEGIN ATOMIC. Text after the last semicolon counts when it holds more than comments.
 */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let at = 0;
  let start = -1;
  let words: string[] = [];
  let depth = 0;

  const close = (end: number): void => {
    if (start >= 0) statements.push({ text: sql.slice(start, end).trimEnd(), line: lineOf(sql, start), words });
    start = -1;
    words = [];
    depth = 0;
  };

  while (at < sql.length) {
    const skipped = skipBlankOrComment(sql, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    if (sql[at] === ';' && depth === 0) {
      close(at);
      at += 1;
      continue;
    }
    if (start < 0) start = at;
    const word = matchAt(WORD, sql, at);
    if (word === undefined) {
      at = skipQuoted(sql, at);
      continue;
    }
    const lower = word.toLowerCase();
    if (words.length < KEPT_WORDS) words.push(lower);
    if (lower === 'begin' && isRoutine(words)) depth += 1;
    else if (lower === 'case' && depth > 0) depth += 1;
    else if (lower === 'end' && depth > 0) depth -= 1;
    at += word.length;
    // E'...' has backslash escapes; the other prefixes (B, X, N, U&) have none.
    if (lower === 'e' && sql[at] === "'") at = skipString(sql, at, true);
  }
  close(sql.length);
  return statements;
}

/** Whether a statement begins or ends a transaction. */
export function isTransactionControl({ words }: Statement): boolean {
  const [first, second] = words;
  if (first === 'start' || first === 'prepare') return second === 'transaction';
  return first !== undefined && ['begin', 'commit', 'end', 'rollback', 'abort', 'savepoint', 'release'].includes(first);
}

function isRoutine(words: readonly string[]): boolean {
  const kind = words[1] === 'or' && words[2] === 'replace' ? words[3] : words[1];
  return words[0] === 'create' && (kind === 'function' || kind === 'procedure');
}

function matchAt(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

function skipBlankOrComment(sql: string, at: number): number {
  const blank = matchAt(BLANK, sql, at);
  if (blank !== undefined) return at + blank.length;
  if (sql.startsWith('--', at)) {
    const end = sql.indexOf('\n', at);
    return end < 0 ? sql.length : end + 1;
  }
  if (!sql.startsWith('/*', at)) return at;
  let depth = 0;
  for (let i = at; i < sql.length; i++) {
    if (sql.startsWith('/*', i)) {
      depth += 1;
      i += 1;
    } else if (sql.startsWith('*/', i)) {
      depth -= 1;
      i += 1;
      if (depth === 0) return i + 1;
    }
  }
  return sql.length;
}

/** The end of the quoted text that begins here, or of one character. */
function skipQuoted(sql: string, at: number): number {
  const quote = sql[at];
  if (quote === "'") return skipString(sql, at, false);
  if (quote === '"') {
    const end = sql.indexOf('"', at + 1);
    return end < 0 ? sql.length : end + 1;
  }
  const dollar = matchAt(DOLLAR_QUOTE, sql, at);
  if (dollar !== undefined) {
    const end = sql.indexOf(dollar, at + dollar.length);
    return end < 0 ? sql.length : end + dollar.length;
  }
  return at + 1;
}

function skipString(sql: string, at: number, hasEscapes: boolean): number {
  for (let i = at + 1; i < sql.length; i++) {
    if (hasEscapes && sql[i] === '\\') i += 1;
    else if (sql[i] === "'") {
      if (sql[i + 1] !== "'") return i + 1;
      i += 1;
    }
  }
  return sql.length;
}

function lineOf(sql: string, at: number): number {
  let line = 1;
  for (let i = sql.indexOf('\n'); i >= 0 && i < at; i = sql.indexOf('\n', i + 1)) line += 1;
  return line;
}

/** One changeset of the output of `update-sql`: its identity and its statements, without Liquibase's bookkeeping. */
export interface PendingChangeset {
  readonly file: string;
  readonly id: string;
  readonly author: string;
  readonly statements: readonly string[];
}

/** Liquibase's own writing: its tables and the search path, which it sets again and again. */
const BOOKKEEPING = [
  /^set search_path to /i,
  /^(insert into|update|delete from|create table) (?:"?[^\s".]+"?\.)?"?databasechangelog(lock)?"?[\s(]/i,
];

/** Splits `file::id::author`; ids and authors may hold single colons. */
export function parseIdentity(text: string): { file: string; id: string; author: string } | undefined {
  const [file, id, ...author] = text.split('::');
  return file !== undefined && id !== undefined && author.length > 0
    ? { file, id, author: author.join('::') }
    : undefined;
}

/**
 * Reads the output of `update-sql`: every changeset that would run, in order. Comments of a changeset and Liquibase's own
 * statements are left out, so that the same changes have the same text whenever and wherever they are asked for.
 */
export function parseUpdateSql(output: string): PendingChangeset[] {
  const found: { file: string; id: string; author: string; lines: string[] }[] = [];
  for (const line of output.split(/\r?\n/)) {
    const header = /^-- Changeset (.+)$/.exec(line)?.[1];
    const identity = header === undefined ? undefined : parseIdentity(header);
    if (identity) found.push({ ...identity, lines: [] });
    else if (line.startsWith('-- Release Database Lock')) break;
    else found.at(-1)?.lines.push(line);
  }
  return found.map(({ lines, ...identity }) => ({ ...identity, statements: paragraphs(lines) }));
}

/** Statements are separated by empty lines; an empty line inside of one only splits it in two. */
function paragraphs(lines: readonly string[]): string[] {
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .map((text) =>
      text
        .split('\n')
        .filter((line) => !line.startsWith('-- '))
        .join('\n')
        .trim(),
    )
    .filter((text) => text !== '' && !BOOKKEEPING.some((pattern) => pattern.test(text)));
}

/** What a line of Liquibase's log says about progress. */
export interface ChangesetLine {
  readonly action: 'running' | 'rolling back';
  readonly identity: string;
}

/** Recognises `Running Changeset: a::b::c` and `Rolling Back Changeset: a::b::c`. */
export function parseChangesetLine(line: string): ChangesetLine | undefined {
  const match = /^(Running|Rolling Back) Changeset: (.+)$/i.exec(line.trim());
  const [, verb, identity] = match ?? [];
  if (verb === undefined || identity === undefined) return undefined;
  return { action: verb.toLowerCase() === 'running' ? 'running' : 'rolling back', identity };
}

const LONGEST_REASON = 2_000;

/** The reason that Liquibase gives when it fails: what stands after `Unexpected error running Liquibase:`. */
export function failureReason(lines: readonly string[]): string {
  const from = lines.findLastIndex((line) => line.includes('Unexpected error running Liquibase:'));
  const rest = from < 0 ? lines.slice(-5) : lines.slice(from);
  const text = rest
    .filter((line) => !line.startsWith('For more information'))
    .join('\n')
    .replace(/^.*Unexpected error running Liquibase:\s*/s, '')
    .trim();
  const reason = text === '' ? 'no reason was given' : text;
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)} ...` : reason;
}

/** The changeset that a failure names, such as `db/changelog.yaml::2::ann`. */
export function failedChangeset(lines: readonly string[]): string | undefined {
  const line = lines.findLast((candidate) => candidate.includes('Migration failed for changeset '));
  return line === undefined ? undefined : /Migration failed for changeset (.+?):\s*$/.exec(line)?.[1];
}

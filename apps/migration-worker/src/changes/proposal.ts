import { createHash } from 'node:crypto';
import type { Proposal } from '../activities/contract.js';
import type { PendingChangeset } from '../liquibase/output.js';
import type { SqlFile } from '../sql-files/read.js';

/** One thing that will run. */
export interface PendingChange {
  /** Id of the changeset or name of the file. */
  readonly id: string;
  /** Where it stands and who wrote it. */
  readonly identity: string;
  readonly statements: readonly string[];
}

const SHOWN_LINES = 40;
const LONGEST_LINE = 160;

/** What will run, with the digest that an approval binds to. The same changes have the same digest on every worker. */
export function proposalOf(changes: readonly PendingChange[]): Proposal {
  const digest = createHash('sha256')
    .update(JSON.stringify(changes.map(({ identity, statements }) => [identity, statements])))
    .digest('hex');
  const lines = changes.flatMap(({ identity, statements }) => [
    `${identity}:`,
    ...statements.map((text) => `  ${oneLine(text)}`),
  ]);
  const rest = lines.length - SHOWN_LINES;
  return {
    pending: changes.map(({ id }) => id),
    digest: `sha256:${digest}`,
    statements: changes.reduce((sum, { statements }) => sum + statements.length, 0),
    shown: rest > 0 ? [...lines.slice(0, SHOWN_LINES), `and ${rest} more line${rest === 1 ? '' : 's'}`] : lines,
  };
}

/** Changesets as pending changes. */
export function fromChangesets(changesets: readonly PendingChangeset[]): PendingChange[] {
  return changesets.map(({ id, author, file, statements }) => ({
    id,
    identity: `${file}::${id}::${author}`,
    statements,
  }));
}

/** SQL files as pending changes. */
export function fromFiles(files: readonly SqlFile[]): PendingChange[] {
  return files.map(({ name, sha256, statements }) => ({
    id: name,
    identity: `${name} (sha256 ${sha256.slice(0, 12)})`,
    statements: statements.map(({ text }) => text),
  }));
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 3)}...` : line;
}

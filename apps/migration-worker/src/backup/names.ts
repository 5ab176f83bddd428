import { CodedError } from '@switchyard/contracts';

/** Options of {@link backupName}. */
export interface BackupNaming {
  /** What the input asks for, without an ending; null for a name of our own. */
  readonly given: string | null;
  readonly database: string;
  readonly executionId: string;
  readonly now: Date;
}

/** The name of a backup without its ending: `app-20261120T193000Z-3f2a9c1b`. */
export function backupName({ given, database, executionId, now }: BackupNaming): string {
  if (given !== null) {
    const name = given.replace(/\.dump$/, '');
    if (/^\.*$/.test(name)) throw new CodedError('InvalidInput', `backup.name "${given}" is no file name`);
    return name;
  }
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${database.replaceAll(/[^\w.-]/g, '_').slice(0, 60)}-${time}-${executionId.slice(0, 8)}`;
}

/** `name`, `name-2`, `name-3`, ...: the candidates for a name that may be taken. */
export function numbered(name: string, count: number): string {
  return count === 1 ? name : `${name}-${count}`;
}

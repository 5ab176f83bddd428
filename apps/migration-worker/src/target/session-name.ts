import type { RunRef } from '@switchyard/contracts';

const PREFIX = 'switchyard:';

/**
 * The application_name of the sessions that change a database for a run, and the mark of its Liquibase lock: unique per
 * execution, and short enough for PostgreSQL's 63 bytes. By it the sessions of a dead worker are found on the server.
 */
export function sessionName({ executionId }: Pick<RunRef, 'executionId'>): string {
  return `${PREFIX}${executionId}`.slice(0, 55);
}

/** The application_name of sessions that only look: ending the others must not end these. */
export function controlName(ref: Pick<RunRef, 'executionId'>): string {
  return `${sessionName(ref)}:control`;
}

/** The session name in a text such as the LOCKEDBY of Liquibase, if one is there. */
export function sessionNameIn(text: string): string | undefined {
  return /switchyard:[\w-]+/.exec(text)?.[0];
}

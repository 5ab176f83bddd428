import { processesWithEnvironment, type ProcessIdentity } from '@switchyard/local-stack';

/**
 * Processes that still run and whose environment holds an entry that starts with `marker`, such as
 * `SWITCHYARD_RUN=<executionId>/`. A test expects none at its end.
 */
export function leftovers(marker: string): Promise<readonly ProcessIdentity[]> {
  if (!/^[A-Z_]+=./.test(marker)) throw new Error(`"${marker}" is not a marker; write NAME=beginning of the value`);
  return processesWithEnvironment(marker);
}

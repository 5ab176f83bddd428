import { lockNameSchema, parseOrThrow, type Runbook } from '@switchyard/contracts';
import { evaluate } from '@switchyard/runbook';
import type { LocksWanted, Run } from '@switchyard/workflow-kit';
import { z } from 'zod';

const namesSchema = z.array(lockNameSchema);

/** The locks of a run of a runbook, with the values of its inputs. @throws CodedError InvalidInput */
export function locksOf(
  { metadata, locks = [], lockTimeout }: Runbook,
  inputs: Readonly<Record<string, unknown>>,
  { runId }: Run['ref'],
): LocksWanted {
  const names = parseOrThrow(namesSchema, evaluate(locks, { inputs, steps: {}, run: { id: runId } }, 'locks'), 'locks');
  return { names, timeout: lockTimeout, reason: `runbook ${metadata.name}` };
}

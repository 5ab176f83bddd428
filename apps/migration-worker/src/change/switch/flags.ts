import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { booleanFlag, writeFlag, type FlagDefinition, type WriteVariant } from '@switchyard/flags';
import { laggards, setFlag, shadowReads, type Laggard } from '@switchyard/store';
import type { ChangeWork } from '../call.js';
import type { ChangeCall, FlagCall, FlagSet, GateInput } from '../contract.js';

const WRITERS: Readonly<Record<WriteVariant, string>> = {
  old: 'writers write the old shape',
  both: 'writers write both shapes',
  'both-prefer-new': 'writers write both shapes; where they differ the new one is right',
  new: 'writers write the new shape',
};

/** The read flag: true for so many percent of those who ask. */
export function setReadFlag(work: ChangeWork, call: FlagCall & { readonly percent: number }): Promise<FlagSet> {
  const { change, percent } = call;
  return set(work, call, {
    key: named(change.switch.readFlag, 'readFlag'),
    definition: booleanFlag(percent),
    words: `${percent} % read the new shape`,
  });
}

/** The write flag. */
export function setWriteFlag(work: ChangeWork, call: FlagCall, variant: WriteVariant): Promise<FlagSet> {
  return set(work, call, {
    key: named(call.change.switch.writeFlag, 'writeFlag'),
    definition: writeFlag(variant),
    words: WRITERS[variant],
  });
}

function named(flag: string | undefined, what: string): string {
  if (flag !== undefined) return flag;
  throw new CodedError('InvalidInput', `the change has no switch.${what}`);
}

interface Wanted {
  readonly key: string;
  readonly definition: FlagDefinition;
  readonly words: string;
}

async function set(
  work: ChangeWork,
  { ref, change, known }: FlagCall,
  { key, definition, words }: Wanted,
): Promise<FlagSet> {
  const { version, isChanged } = await setFlag(work.deps.store.db, {
    key,
    definition,
    run: { runId: ref.workflowId, workflowId: ref.workflowId },
    reason: `schema change ${change.name}: ${words}`,
    ...(known === null ? {} : { expectedVersion: known }),
    isRunOpen: work.deps.isWorkflowOpen,
  });
  if (isChanged) {
    await work.record({ type: 'flag_set', subject: key, message: `${key}: ${words}`, data: { version } });
  }
  return { key, version };
}

const LOOK_EVERY_MS = 500;

/** Waits until every live instance of every service uses the version; names who does not. */
export async function waitForServices(
  work: ChangeWork,
  { change, flag }: ChangeCall & { readonly flag: FlagSet },
): Promise<void> {
  const { services, acknowledgeWithin } = change.switch;
  if (services.length === 0) return;
  const deadline = performance.now() + acknowledgeWithin;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const behind = await laggards(work.deps.store.db, { key: flag.key, version: flag.version, services });
    if (behind.length === 0) return;
    const words = behind.map(showLaggard).join('; ');
    work.progress(0, `waiting for ${words}`);
    if (performance.now() > deadline) {
      throw new CodedError(
        'GateFailed',
        `${flag.key} was not acknowledged within ${Math.round(acknowledgeWithin / 1000)} s: ${words}. Restart those instances or end them, then retry`,
        { details: { flag, behind } },
      );
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(LOOK_EVERY_MS, undefined, { signal: work.signal });
  }
}

/** A laggard in words: `users-service: pod-7 at version 3`. */
export function showLaggard({ service, alive, behind }: Laggard): string {
  if (alive === 0) return `${service}: no instance is alive`;
  return `${service}: ${behind.map(({ instance, version }) => `${instance} at version ${version ?? 'none'}`).join(', ')}`;
}

const SHADOW_WITHIN_MS = 30_000;

/**
 * Whether what services read from both shapes agreed. Without traffic nothing was compared, which is told and not held
 * against it: parity over all rows is the proof.
 */
export async function verifyReadParity(
  work: ChangeWork,
  { change, flag }: ChangeCall & { readonly flag: FlagSet },
): Promise<{ readonly compared: number }> {
  const { services, acknowledgeWithin } = change.switch;
  if (services.length === 0) return { compared: 0 };
  const deadline = performance.now() + Math.min(SHADOW_WITHIN_MS, acknowledgeWithin);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { compared, mismatched, perInstance } = await shadowReads(work.deps.store.db, {
      key: flag.key,
      sinceVersion: flag.version,
      services,
    });
    if (mismatched > 0) {
      throw new CodedError(
        'ParityMismatch',
        `${mismatched} of ${compared} reads gave something else from the new shape than from the old one`,
        {
          details: { flag, perInstance },
        },
      );
    }
    if (compared > 0) {
      await work.record({
        type: 'shadow_reads',
        message: `${compared} reads compared under ${flag.key}, none differs`,
        data: { flag, compared },
      });
      return { compared };
    }
    if (performance.now() > deadline) {
      await work.record({
        type: 'shadow_reads',
        level: 'warning',
        message: `nobody read under ${flag.key} within ${SHADOW_WITHIN_MS / 1000} s: there was nothing to compare`,
      });
      return { compared: 0 };
    }
    work.progress(0, 'waiting for reads to compare');
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(LOOK_EVERY_MS, undefined, { signal: work.signal });
  }
}

/** Proves by the flags that nobody reads or writes the old shape any more. */
export async function disableOldReads(
  work: ChangeWork,
  call: ChangeCall & { readonly flags: GateInput['flags'] },
): Promise<void> {
  for (const flag of [call.flags.read, call.flags.write]) {
    // oxlint-disable-next-line no-await-in-loop -- one flag after the other
    if (flag) await waitForServices(work, { ...call, flag });
  }
  await work.record({ type: 'old_reads_off', message: 'no live instance reads or writes the old shape any more' });
}

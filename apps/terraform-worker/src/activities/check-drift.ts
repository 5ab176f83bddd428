import type { DriftAcknowledgement, Drifted, RunRef, Sender, TerraformDriftInput } from '@switchyard/contracts';
import { UNAUTHENTICATED } from '@switchyard/contracts';
import { driftOf } from '../plan/drift.js';
import { makePlan, makeReady } from './commands.js';
import type { Attempt, TerraformDeps } from './deps.js';
import { endLeftovers } from './end-leftovers.js';
import { releaseStack } from './release-stack.js';
import { openSession, type Session } from './session.js';

/** Input of the activity `checkDrift`. */
export interface CheckDriftInput {
  readonly ref: RunRef;
  readonly input: TerraformDriftInput;
}

/** What was found, without any value that is secret: it travels through workflow history. */
export interface FoundDrift {
  readonly subject: string;
  readonly digest: string | null;
  /** The worst of it; all of it where there is not much. */
  readonly drifted: readonly Drifted[];
  /** How much there is in all. Absent in runs that an earlier release looked at. */
  readonly driftedCount?: number;
  /** Digest of the artifact that names all of it; null where `drifted` does. Absent as above. */
  readonly driftedList?: string | null;
  readonly shown: readonly string[];
  /** Whether the look before this one has not found it. */
  readonly isNew: boolean;
  readonly acknowledged: DriftAcknowledgement | null;
}

/** Results travel through workflow history. */
const MOST_NAMED = 200;

/**
 * Compares a stack with its state: init and a refresh-only plan, under the lock of the stack, which is given back. The
 * state is not written. What was found is remembered, so that the next look knows it.
 */
export async function checkDrift(
  deps: TerraformDeps,
  { ref, input }: CheckDriftInput,
  attempt: Attempt,
): Promise<FoundDrift> {
  if (attempt.number > 1) await endLeftovers(ref.executionId, attempt.signal);
  let session: Session | undefined;
  try {
    const { remediate: _, approval: __, notify: ___, ...stack } = input;
    session = await openSession(deps, { ref, input: { ...stack, action: 'plan' }, step: 'check', attempt });
    const plan = await makePlan(session, await makeReady(session, false), ['-refresh-only']);
    const { mask } = session;
    const subject = `drift:${session.stack.identity}:${input.workspace}`;
    const { digest, drifted, shown } = driftOf(plan.document, subject, (value) => mask.maskValue(value));
    const noted = await deps.drift.note({ subject, run: ref, digest, drifted });
    const driftedList = drifted.length > MOST_NAMED ? await keepList(deps, ref, { subject, digest, drifted }) : null;
    await session.tell({
      type: 'drift_checked',
      level: digest === null ? 'info' : 'warning',
      message: shown[0] ?? '',
      data: { digest, shown: shown.slice(1), isNew: noted.isNew, driftedCount: drifted.length, driftedList },
    });
    return {
      subject,
      digest,
      drifted: drifted.slice(0, MOST_NAMED),
      driftedCount: drifted.length,
      driftedList,
      shown,
      ...noted,
    };
  } finally {
    await session?.close();
    await Promise.all([deps.events.flush(), releaseStack(deps, { ref })]);
  }
}

/** Keeps all that has drifted, by address. */
async function keepList(
  { artifacts }: TerraformDeps,
  { runId }: RunRef,
  list: { readonly subject: string; readonly digest: string | null; readonly drifted: readonly Drifted[] },
): Promise<string> {
  const content = JSON.stringify(list);
  const artifact = { runId, kind: 'terraform-drift', name: 'drifted.json', contentType: 'application/json', content };
  return (await artifacts.put(artifact)).digest;
}

/** Input of the activity `acknowledgeDrift`. */
export interface AcknowledgeDriftInput {
  readonly ref: RunRef;
  /** Makes a second attempt harmless. */
  readonly id: string;
  readonly subject: string;
  readonly digest: string;
  /** ISO 8601. */
  readonly until: string;
  readonly reason: string;
  readonly by: Sender | undefined;
}

/** Keeps that a person knows of a drift. */
export function acknowledgeDrift(
  deps: Pick<TerraformDeps, 'drift'>,
  { ref, until, by, ...said }: AcknowledgeDriftInput,
): Promise<DriftAcknowledgement> {
  return deps.drift.acknowledge({
    ...said,
    runId: ref.runId,
    until: new Date(until),
    by: by?.identity ?? UNAUTHENTICATED,
    channel: by?.channel ?? 'temporal',
  });
}

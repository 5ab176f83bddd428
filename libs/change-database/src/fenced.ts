import { CodedError } from '@switchyard/contracts';
import {
  advance,
  applyIsolation,
  claimWriter,
  fence,
  writeSettings,
  type Advance,
  type Claim,
  type Shape,
  type TransactionLimits,
  type WriterName,
} from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeSession } from './session.js';

/** Another worker has taken over: this one must stop, and nothing of its last transaction is written. */
export class FencedOff extends CodedError {
  override readonly name = 'FencedOff';

  constructor({ change, writer, epoch }: Claim) {
    super('LockUnavailable', `a newer ${writer} of ${change} has taken over from epoch ${epoch}; this one stops`, {
      details: { change, writer, epoch },
      retryable: false,
    });
  }
}

const claimed = z.object({
  epoch: z.string(),
  lsn: z.string().nullable(),
  progress: z.record(z.string(), z.unknown()),
  rows_written: z.string().transform(Number),
});

/** What a writer begins with. */
export interface Claimed {
  readonly claim: Claim;
  /** Position up to which everything is applied, `X/Y`; null: nothing yet. */
  readonly lsn: string | null;
  /** As an earlier claim left it. */
  readonly progress: Readonly<Record<string, unknown>>;
  readonly rowsWritten: number;
}

/** Becomes the one writer of that name: whoever was it before can no longer write. */
export async function takeClaim(session: ChangeSession, writer: WriterName): Promise<Claimed> {
  const [row] = await session.rows(claimed, claimWriter(writer));
  if (!row) throw new Error('claiming a writer gave no row');
  return {
    claim: { ...writer, epoch: row.epoch },
    lsn: row.lsn,
    progress: row.progress,
    rowsWritten: row.rows_written,
  };
}

/** Options of {@link writeFenced}. */
export interface FencedOptions {
  readonly shape: Shape;
  readonly claim: Claim;
  readonly limits: TransactionLimits;
  /** Rows of the control table to hold beside the own one, such as `stream`. */
  readonly alsoLock?: readonly string[];
}

const fenced = z.object({ writer: z.string(), mine: z.boolean().nullable() });

/**
 * One transaction of a writer: limits, settings, the fence, the work, its progress. Everything or nothing.
 * @throws FencedOff when a newer claim exists; the driver's errors of the work
 */
export async function writeFenced<T>(
  session: ChangeSession,
  { shape, claim, limits, alsoLock = [] }: FencedOptions,
  work: () => Promise<{ readonly advance: Advance; readonly result: T }>,
): Promise<T> {
  return session.transaction(applyIsolation(shape), async () => {
    await session.again(writeSettings(shape, limits));
    const { rows } = await session.again(fence(claim, alsoLock));
    const own = z
      .array(fenced)
      .parse(rows)
      .find(({ writer }) => writer === claim.writer);
    if (own?.mine !== true) throw new FencedOff(claim);
    const done = await work();
    const { count } = await session.again(advance(claim, done.advance));
    if (count !== 1) throw new FencedOff(claim);
    return done.result;
  });
}

import { z } from 'zod';
import { count, rows, time, type Db } from '../sql.js';
import { INSTANCE_GONE_AFTER_MS, IS_ALIVE } from './laggards.js';

/** One instance's use of one flag. */
export interface FlagUse {
  readonly key: string;
  readonly service: string;
  readonly instance: string;
  /** The lowest version that a request in flight may still use. */
  readonly version: number;
  /** When it was last heard of. */
  readonly seenAt: string;
}

/** Who uses flags now: of the instances that are alive, what each has acknowledged; for all flags, or one. */
export async function flagUses(
  db: Db,
  options: { readonly key?: string; readonly aliveWithinMs?: number } = {},
): Promise<FlagUse[]> {
  return rows(
    db,
    useRow,
    `select u.key, i.service, i.instance, u.version, i.seen_at
       from switchyard.flag_instances i join switchyard.flag_uses u using (service, instance)
      where (:key::text is null or u.key = :key) and ${IS_ALIVE}
      order by u.key, i.service, i.instance`,
    { key: options.key ?? null, goneAfterMs: options.aliveWithinMs ?? INSTANCE_GONE_AFTER_MS },
  );
}

const useRow = z
  .object({ key: z.string(), service: z.string(), instance: z.string(), version: count, seen_at: time })
  .transform(({ seen_at, ...same }): FlagUse => ({ ...same, seenAt: seen_at }));

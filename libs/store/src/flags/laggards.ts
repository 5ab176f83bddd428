import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { count, rows, time, type Db } from '../sql.js';

/** Milliseconds of silence after which an instance counts as gone. It has stopped serving long before that. */
export const INSTANCE_GONE_AFTER_MS = 30_000;

/** How much longer than its own lease an instance is waited for, whatever the caller says. */
const GONE_AFTER_LEASES = 3;

/** SQL: whether the row `i` of flag_instances is alive; `:goneAfterMs` is a parameter. */
export const IS_ALIVE = `i.seen_at > now() - make_interval(secs => greatest(:goneAfterMs::float8, ${GONE_AFTER_LEASES} * i.lease_ms) / 1000)`;

/** Options of {@link laggards}. */
export interface LaggardsOptions {
  readonly key: string;
  /** The version that all of them have to use. */
  readonly version: number;
  readonly services: readonly string[];
  /** Milliseconds of silence after which an instance counts as gone. Default {@link INSTANCE_GONE_AFTER_MS}. */
  readonly aliveWithinMs?: number;
}

/** A service of which it is not known that all of it uses the version. */
export interface Laggard {
  readonly service: string;
  /** Instances that are alive. 0: nothing is known of the service, which does not count as acknowledged. */
  readonly alive: number;
  /** Those that may still use a lower version; `version` is null where the instance never spoke of the flag. */
  readonly behind: readonly { readonly instance: string; readonly version: number | null; readonly seenAt: string }[];
}

/**
 * The services that have not acknowledged a version of a flag: some instance that is alive may still use a lower one, or
 * none is alive. Empty: every instance of every service uses the version, and none can come back with an older one.
 * @throws CodedError InvalidInput without services: nobody could ever be behind
 */
export async function laggards(db: Db, options: LaggardsOptions): Promise<Laggard[]> {
  const { key, version, services, aliveWithinMs = INSTANCE_GONE_AFTER_MS } = options;
  if (services.length === 0) throw new CodedError('InvalidInput', `no services were named for flag "${key}"`);
  const found = await rows(
    db,
    instanceRow,
    `select s.service, i.instance, i.seen_at, u.version
       from (select distinct service collate "C" as service from unnest(:services::text[]) as n (service)) as s
       left join switchyard.flag_instances i on i.service = s.service and ${IS_ALIVE}
       left join switchyard.flag_uses u on u.service = i.service and u.instance = i.instance and u.key = :key
      order by s.service, i.instance`,
    { key, services, goneAfterMs: aliveWithinMs },
  );
  const byService = Map.groupBy(found, ({ service }) => service);
  return [...byService].flatMap(([service, instances]): Laggard[] => {
    const alive = instances.flatMap(({ instance, seen_at: seenAt, version: used }) =>
      instance === null || seenAt === null ? [] : [{ instance, version: used, seenAt }],
    );
    const behind = alive.filter((one) => (one.version ?? -1) < version);
    return alive.length > 0 && behind.length === 0 ? [] : [{ service, alive: alive.length, behind }];
  });
}

const instanceRow = z.object({
  service: z.string(),
  instance: z.string().nullable(),
  seen_at: time.nullable(),
  version: count.nullable(),
});

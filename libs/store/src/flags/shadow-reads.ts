import { z } from 'zod';
import { count, rows, type Db } from '../sql.js';

/** Options of {@link shadowReads}. */
export interface ShadowReadsOptions {
  readonly key: string;
  /** Comparisons made under older versions do not count. */
  readonly sinceVersion: number;
  readonly services: readonly string[];
}

/** Reads of both shapes by all instances, those that are gone among them. */
export interface ShadowReadsSum {
  readonly compared: number;
  readonly mismatched: number;
  readonly perInstance: readonly {
    readonly service: string;
    readonly instance: string;
    readonly compared: number;
    readonly mismatched: number;
  }[];
}

/** How often services read both shapes since a version of a flag, and how often these did not agree. */
export async function shadowReads(db: Db, options: ShadowReadsOptions): Promise<ShadowReadsSum> {
  const perInstance = await rows(
    db,
    z.object({ service: z.string(), instance: z.string(), compared: count, mismatched: count }),
    `select service, instance, sum(compared)::bigint as compared, sum(mismatched)::bigint as mismatched
       from switchyard.flag_shadow_reads
      where key = :key and version >= :sinceVersion::bigint and service = any(:services::text[])
      group by service, instance order by service, instance`,
    { key: options.key, sinceVersion: options.sinceVersion, services: options.services },
  );
  const sum = (pick: (one: ShadowReadsSum['perInstance'][number]) => number): number =>
    perInstance.reduce((total, one) => total + pick(one), 0);
  return { compared: sum((one) => one.compared), mismatched: sum((one) => one.mismatched), perInstance };
}

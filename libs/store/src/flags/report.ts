import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { count, execute, rows, type Db } from '../sql.js';
import { lockFlags } from './flag.js';

/** Milliseconds that an instance may serve after the beginning of its last report that was accepted. */
export const FLAG_LEASE_MS = 10_000;

/** Reads of both shapes under one version of a flag, counted since that version came. */
export interface ShadowReads {
  readonly version: number;
  readonly compared: number;
  readonly mismatched: number;
}

/** What an instance says about itself. */
export interface InstanceReport {
  readonly service: string;
  /** Names one process; a restarted one takes another name. */
  readonly instance: string;
  /** Milliseconds that it goes on after this report. Default {@link FLAG_LEASE_MS}. */
  readonly leaseMs?: number;
  /** For each flag the lowest version that a request in flight may still use; 0 where there is no such flag. */
  readonly flags: Readonly<Record<string, number>>;
  readonly shadowReads?: Readonly<Record<string, ShadowReads>>;
}

/** What {@link reportInstance} answers, with the version that each of the flags has now. */
export interface ReportResult {
  /**
   * False: the report was not taken, and the instance must not serve on the strength of it. It evaluates its flags again
   * and reports again.
   */
  readonly isAccepted: boolean;
  /** Flags that do not exist are not among them. */
  readonly versions: Readonly<Record<string, number>>;
  /** The flags for which the report was refused. */
  readonly behind: readonly string[];
}

/**
 * Takes a report: acknowledgement of the versions in it, and the lease of the instance. Refused are versions lower than
 * this instance has acknowledged, and, from an instance that was not heard of within its lease, versions lower than the
 * flag has: those who looked for laggards in the meantime may have counted on its absence.
 */
export async function reportInstance(db: Db, report: InstanceReport): Promise<ReportResult> {
  const { service, instance, leaseMs = FLAG_LEASE_MS } = report;
  checkCounts(report);
  return db.transaction(async (trx) => {
    await lockFlags(trx, 'report');
    const flags = await rows(
      trx,
      z.object({ key: z.string(), version: count, required: count }),
      `select f.key, f.version, case when i.instance is null then f.version else coalesce(u.version, 0) end as required
         from switchyard.flags f
         left join switchyard.flag_instances i on i.service = :service and i.instance = :instance
              and i.seen_at > clock_timestamp() - make_interval(secs => i.lease_ms / 1000.0)
         left join switchyard.flag_uses u on u.service = i.service and u.instance = i.instance and u.key = f.key
        where f.key = any(:keys::text[])`,
      { service, instance, keys: Object.keys(report.flags) },
    );
    const behind = flags.filter(({ key, required }) => (report.flags[key] ?? 0) < required).map(({ key }) => key);
    if (behind.length === 0) await take(trx, { ...report, leaseMs });
    return {
      isAccepted: behind.length === 0,
      versions: Object.fromEntries(flags.map(({ key, version }) => [key, version])),
      behind,
    };
  });
}

async function take(trx: Db, report: InstanceReport & { readonly leaseMs: number }): Promise<void> {
  const { service, instance, leaseMs, flags, shadowReads = {} } = report;
  const uses = Object.entries(flags).map(([key, version]) => ({ key, version }));
  const reads = Object.entries(shadowReads).map(([key, counts]) => ({ key, ...counts }));
  // now() is the beginning of the transaction and so never later than the report arrived.
  await execute(
    trx,
    `with here as (
       insert into switchyard.flag_instances (service, instance, lease_ms) values (:service, :instance, :leaseMs::int)
       on conflict (service, instance) do update set seen_at = now(), lease_ms = excluded.lease_ms
     ), used as (
       insert into switchyard.flag_uses (service, instance, key, version)
       select :service, :instance, key, version from json_to_recordset(:uses::json) as u (key text, version bigint)
       on conflict (service, instance, key) do update set version = excluded.version
     ), unused as (
       delete from switchyard.flag_uses where service = :service and instance = :instance and key <> all(:keys::text[])
     )
     insert into switchyard.flag_shadow_reads as s (key, version, service, instance, compared, mismatched)
     select key, version, :service, :instance, compared, mismatched
       from json_to_recordset(:reads::json) as r (key text, version bigint, compared bigint, mismatched bigint)
     -- Counts only rise: a report that was overtaken by the next one changes nothing.
     on conflict (key, version, service, instance) do update
       set compared = greatest(s.compared, excluded.compared), mismatched = greatest(s.mismatched, excluded.mismatched),
           seen_at = now()`,
    {
      service,
      instance,
      leaseMs,
      keys: uses.map(({ key }) => key),
      uses: JSON.stringify(uses),
      reads: JSON.stringify(reads),
    },
  );
}

/** An instance says goodbye: it has ended its requests and takes no more. Whoever waits for it waits no longer. */
export async function forgetInstance(
  db: Db,
  options: { readonly service: string; readonly instance: string },
): Promise<boolean> {
  const gone = await execute(
    db,
    'delete from switchyard.flag_instances where service = :service and instance = :instance',
    { service: options.service, instance: options.instance },
  );
  return gone > 0;
}

function checkCounts({ instance, shadowReads = {} }: InstanceReport): void {
  for (const [key, { compared, mismatched }] of Object.entries(shadowReads)) {
    if (mismatched <= compared) continue;
    throw new CodedError(
      'InvalidInput',
      `instance ${instance} counts ${mismatched} mismatches in ${compared} comparisons under flag "${key}"`,
    );
  }
}

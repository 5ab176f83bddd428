import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamMode } from '@switchyard/contracts';
import type { ChangeSession } from '@switchyard/change-database';
import { z } from 'zod';
import { describeReport, type StreamFigures, type StreamReport } from '../applier/figures.js';
import type { Call } from './in-call.js';

/** Options of {@link watchStream}. */
export interface WatchOptions {
  /** A connection of its own: the applier's is busy. */
  readonly observer: ChangeSession;
  readonly slot: string;
  readonly figures: StreamFigures;
  readonly call: Call;
  readonly mode: StreamMode;
}

const LOOK_EVERY_MS = 2_000;
/** Each showing costs history: often at first, when somebody looks, and every minute later. */
const FIRST_SHOW_MS = 2_000;
const LONGEST_SHOW_MS = 60_000;

const lookRow = z.object({
  serverNow: z.number(),
  lagBytes: z.number().nullable(),
  slotWalBytes: z.number().nullable(),
  slotStatus: z.string().nullable(),
});

/** Looks at the log and the slot, tells metrics and status. @returns ends it */
export function watchStream(options: WatchOptions): () => Promise<void> {
  const ended = new AbortController();
  const watching = watch(options, AbortSignal.any([ended.signal, options.call.signal])).catch(() => undefined);
  return async () => {
    ended.abort();
    await watching;
  };
}

async function watch({ observer, slot, figures, call, mode }: WatchOptions, signal: AbortSignal): Promise<void> {
  const tell = gauges(call);
  let showEvery = FIRST_SHOW_MS;
  let shownAt = -Infinity;
  let shown = '';
  while (!signal.aborted) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const [look] = await observer.rows(lookRow, {
      text: `select extract(epoch from clock_timestamp())::float8 * 1000 as "serverNow",
        pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::float8 as "lagBytes",
        pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::float8 as "slotWalBytes", s.wal_status as "slotStatus"
        from (select 1) as one left join pg_replication_slots s on s.slot_name = $1`,
      values: [slot],
    });
    if (look) figures.looked({ ...look, at: performance.now() });
    const { report } = figures;
    tell(report);
    const words = describeReport(report, mode.direction);
    if (words !== shown && performance.now() - shownAt >= showEvery) {
      call.show(words);
      shown = words;
      shownAt = performance.now();
      showEvery = Math.min(LONGEST_SHOW_MS, 1.5 * showEvery);
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

function gauges({ metrics }: Call): (report: StreamReport) => void {
  const gauge = (name: string, unit: string, description: string) =>
    metrics.createGauge(`switchyard_stream_${name}`, 'float', unit, description);
  const lag = gauge('lag_seconds', 's', 'Age of the oldest change that is not applied');
  const lagBytes = gauge('lag_bytes', 'By', 'Log between what is applied and what is written');
  const kept = gauge('slot_wal_bytes', 'By', 'Log that the slot keeps');
  const budget = gauge(
    'wal_budget_seconds',
    's',
    'Until the slot keeps more than it may, at the present pace; -1: it does not grow',
  );
  const rate = gauge('keys_per_second', '1/s', 'Keys applied');
  const parked = gauge('parked_keys', '1', 'Keys that could not be derived');
  return (report) => {
    lag.set(report.lagSeconds);
    lagBytes.set(report.lagBytes ?? 0);
    kept.set(report.slotWalBytes ?? 0);
    budget.set(report.secondsUntilBudget ?? -1);
    rate.set(report.keysPerSecond);
    parked.set(report.parked);
  };
}

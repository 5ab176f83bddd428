import { activities } from '@switchyard/workflow-kit';
import type { ChangeActivities } from '../../change/contract.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

type Long =
  'backfillTable' | 'proveParity' | 'mendRows' | 'buildIndexes' | 'addConstraints' | 'waitForCatchup' | 'lockTable';
type Unbeaten = 'unlockTable';

/**
 * A lost worker costs an attempt; what the work itself meets is retried in the activity or waited for in the workflow,
 * where everybody sees it.
 */
const LOST_WORKERS = 30;

/** The activities of a change, with time-outs that fit what they do. */
export const calls = {
  /** Work that lasts as long as the table is large. */
  long: activities<Pick<ChangeActivities, Long>>({ startToClose: 30 * DAY_MS, attempts: LOST_WORKERS }),
  short: activities<Omit<ChangeActivities, Long | Unbeaten>>({ startToClose: 2 * HOUR_MS, attempts: LOST_WORKERS }),
  quick: activities<Pick<ChangeActivities, Unbeaten>>({ startToClose: MINUTE_MS, heartbeat: false, attempts: 10 }),
};

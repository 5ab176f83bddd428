import { figure, type Figure } from '../document.ts';
import { tenth } from '../statistics.ts';
import type { AfterKill } from './after-kill.ts';
import type { Contest } from './contenders/contender.ts';
import type { Latency } from './latency.ts';
import type { StreamFigures } from './stream/stream-part.ts';

/** How many times the rows per second of pgroll, on full pages and where a new version of a row finds room in its page. */
export const TIMES_PGROLL = { 'full pages': 2.5, 'room in the pages': 5 } as const;
const ADDED_P99_MS = 10;
const LONGEST_WRITE_MS = 50;
const LONGEST_BEHIND_READER_MS = 200;

/** Figures of one layout of the table, one contender after the other. */
export function contestFigures(layout: keyof typeof TIMES_PGROLL, contests: readonly Contest[]): Figure[] {
  const [ours] = contests;
  const peer = contests.find(({ contender }) => contender === 'pgroll');
  return [
    ...contests.flatMap((contest) => figuresOf(layout, contest, contest === ours)),
    ...(ours && peer
      ? [
          figure(`${layout}: Switchyard beside pgroll`, tenth(ours.rowsPerSecond / peer.rowsPerSecond), 'times', {
            atLeast: TIMES_PGROLL[layout],
          }),
        ]
      : []),
  ];
}

function figuresOf(layout: string, { contender, writers, ...contest }: Contest, isOurs: boolean): Figure[] {
  const name = (what: string): string => `${layout}, ${contender}: ${what}`;
  const below = (bound: number): { below: number } | undefined => (isOurs ? { below: bound } : undefined);
  const { before, start, finish } = writers;
  return [
    figure(name('backfill'), contest.rowsPerSecond, 'rows/s'),
    figure(name('added p99 of a write'), tenth(p99(start) - p99(before)), 'ms', below(ADDED_P99_MS)),
    figure(name('longest write'), longest(writers), 'ms', below(LONGEST_WRITE_MS)),
    figure(name('failed writes'), (start?.failed ?? 0) + (finish?.failed ?? 0), 'writes', below(1)),
    figure(name('log written'), contest.walMb, 'MB'),
    figure(name('table and indexes before'), tenth(whole(contest.size.before)), 'MB'),
    figure(name('table and indexes after'), tenth(whole(contest.size.after)), 'MB'),
    ...(contest.wrongRows === null ? [] : [figure(name('wrong rows'), contest.wrongRows, 'rows', below(1))]),
  ];
}

const p99 = (latency: Latency | null): number => latency?.p99 ?? 0;
const longest = ({ start, finish }: Contest['writers']): number => Math.max(start?.max ?? 0, finish?.max ?? 0);
const whole = ({ tableMb, indexesMb }: Contest['size']['after']): number => tableMb + indexesMb;

/** Figures of changes that met somebody who holds the table. */
export function readerFigures(contests: readonly Contest[]): Figure[] {
  return contests.flatMap(({ contender, writers: { start, finish } }, i) => {
    const target = i === 0 ? { below: LONGEST_BEHIND_READER_MS } : undefined;
    return [
      figure(`reader at the start, ${contender}: longest write`, start?.max ?? 0, 'ms', target),
      figure(`reader at the end, ${contender}: longest write`, finish?.max ?? 0, 'ms', target),
    ];
  });
}

/** Figures of changes whose program was killed. */
export function killFigures({
  ours,
  pgroll,
}: {
  readonly ours: AfterKill;
  readonly pgroll: AfterKill | null;
}): Figure[] {
  return [
    figure('SIGKILL, Switchyard: wrong rows at the end', ours.wrongRows, 'rows', { below: 1 }),
    ...(pgroll ? [figure('SIGKILL, pgroll: wrong rows at the end', pgroll.wrongRows, 'rows')] : []),
  ];
}

/** Figures of the stream. */
export function streamFigures(seen: StreamFigures): Figure[] {
  const { oneRowTransactions, oneTransaction, duplicates, besideWriter, idleBarriers, stalled } = seen;
  return [
    figure('stream: backlog of one-row transactions', oneRowTransactions.keysPerSecond, 'keys/s', { atLeast: 100_000 }),
    figure('stream: backlog of one transaction', oneTransaction.keysPerSecond, 'keys/s', { atLeast: 100_000 }),
    figure('stream: written beside it', besideWriter.keysPerSecond, 'keys/s', { atLeast: 5_000 }),
    figure('stream: longest lag meanwhile', besideWriter.barriers.max, 'ms', { below: 1_000 }),
    figure('stream: barrier with nothing to do, p99', idleBarriers.p99, 'ms', { below: 50 }),
    figure(`stream: rows written for ${duplicates.keys} repeated changes`, duplicates.rowsWritten, 'rows', {
      below: 1,
    }),
    figure('stream: memory of the worker that stands still', stalled.memoryMb.stalled, 'MB', { below: 300 }),
    figure('stream: memory of the worker while it catches up', stalled.memoryMb.catchingUp, 'MB'),
    figure('stream: wrong rows at the end', seen.wrongRows, 'rows', { below: 1 }),
  ];
}

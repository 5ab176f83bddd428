import type { Catalog } from '../catalog/catalog.js';
import { columnOf } from '../catalog/catalog.js';
import type { Change } from '../spec/change.js';

/** What a step is expected to cost. All are estimates from statistics, to be read as orders of magnitude. */
export interface Estimate {
  readonly rows: number;
  readonly seconds: number;
  readonly walBytes: number;
  /** Bytes that the disk needs more after the step. */
  readonly diskBytes: number;
}

export const NO_COST: Estimate = { rows: 0, seconds: 0, walBytes: 0, diskBytes: 0 };

/**
 * Rates measured on PostgreSQL 15, 2 cores, rows of about 190 bytes, one worker; in microseconds a row and bytes a
 * row. A server with faster storage does better; `scale` of {@link estimates} takes what a run really saw.
 */
export const RATES = {
  /** UPDATE of a row that moves to another page: 366,000 rows/s without secondary indexes. */
  update: { micros: 2.7, wal: 420 },
  /** What each secondary index adds to it: 105,000 rows/s with three. */
  updateIndex: { micros: 2.27, wal: 100 },
  /** UPDATE within its page (HOT): 600,000 rows/s, whatever the indexes. */
  updateHot: { micros: 1.65, wal: 267 },
  /** INSERT ... SELECT into a table that has its key alone: 1.3 million rows/s, and the key. */
  copy: { micros: 1.03, wal: 105 },
  /** Building one index; CONCURRENTLY reads the table twice. */
  index: { micros: 0.52, wal: 25 },
  /** VALIDATE CONSTRAINT: 5 million rows in 134 ms. */
  validate: { micros: 0.027, wal: 0 },
  /** Parity: 0.6 (f alone) to 0.9 (f and g) for two text columns; costlier expressions take longer. */
  parity: { micros: 0.9, wal: 0 },
} as const;

/** Facts that the estimates rest on; printed beside them. */
export interface Basis {
  readonly rows: number;
  readonly rowBytes: number;
  readonly newBytes: number;
  readonly secondaryIndexes: number;
  /** Share of the rows that the backfill will write. */
  readonly share: number;
  /** Share of the written rows that find room in their page. */
  readonly hot: number;
}

export interface Estimates {
  readonly basis: Basis;
  readonly backfill: Estimate;
  readonly parity: Estimate;
  readonly index: Estimate;
  readonly validate: Estimate;
}

/**
 * Formulas, with r rows written = rows * share:
 * - in place: seconds = r * (hot * updateHot + (1 - hot) * (update + indexes * updateIndex));
 *   WAL = the same with bytes, plus the row itself; disk = (1 - hot) * share * (heap + secondary indexes)
 * - new table: seconds = r * copy; WAL = r * (copy + new row); disk = r * (new row + 40 bytes of key index)
 * - parity, index, validate: rows * rate. Disk of an index = rows * (width + 16) / 0.9.
 * @param scale how many times slower than the measured machine this one is; default 1
 */
export function estimates(change: Change, catalog: Catalog, scale = 1): Estimates {
  const basis = basisOf(change, catalog);
  const written = basis.rows * basis.share;
  const cost = (rows: number, micros: number, wal: number, disk: number): Estimate => ({
    rows: Math.round(rows),
    seconds: Number(((rows * micros * scale) / 1e6).toPrecision(3)),
    walBytes: Math.round(rows * wal),
    diskBytes: Math.round(disk),
  });
  const mix = (hot: number, cold: number): number => basis.hot * hot + (1 - basis.hot) * cold;
  const { table } = catalog;
  const backfill = change.target
    ? cost(written, RATES.copy.micros, RATES.copy.wal + basis.newBytes, written * (basis.newBytes + 28 + 40))
    : cost(
        written,
        mix(RATES.updateHot.micros, RATES.update.micros + basis.secondaryIndexes * RATES.updateIndex.micros),
        mix(RATES.updateHot.wal, RATES.update.wal + basis.secondaryIndexes * RATES.updateIndex.wal) + basis.rowBytes,
        (1 - basis.hot) * basis.share * ((table?.heapBytes ?? 0) + (table?.indexBytes ?? 0)),
      );
  return {
    basis,
    backfill,
    parity: cost(basis.rows, RATES.parity.micros, RATES.parity.wal, 0),
    index: cost(written, RATES.index.micros, RATES.index.wal, (written * (basis.newBytes + 16)) / 0.9),
    validate: cost(basis.rows, RATES.validate.micros, RATES.validate.wal, 0),
  };
}

const FIXED_WIDTHS: Readonly<Record<string, number>> = {
  boolean: 1,
  smallint: 2,
  integer: 4,
  int: 4,
  bigint: 8,
  date: 4,
  uuid: 16,
};

function basisOf(change: Change, catalog: Catalog): Basis {
  const { table, indexes, columns } = catalog;
  const rows = table?.rows ?? 0;
  const rowBytes = rows > 0 && table ? Math.round(table.heapBytes / rows) : 0;
  // The new columns hold about what the old ones held, unless their type has a width of its own.
  const old = change.drop.reduce((sum, name) => sum + (columnOf(catalog, name)?.width ?? 0), 0);
  const newBytes = change.columns.reduce(
    (sum, { type }) => sum + (FIXED_WIDTHS[type.toLowerCase()] ?? Math.ceil((old || 16) / change.columns.length)),
    0,
  );
  // A dropped column that is empty gives, for any sane f, an empty new one: such a row needs no write.
  const empty = change.drop.length
    ? Math.min(...change.drop.map((name) => columnOf(catalog, name)?.nullFraction ?? 0))
    : 0;
  // A row and its successor share a page when at least half of it was left free.
  const roomy = table !== null && table.fillfactor <= 55;
  return {
    rows,
    rowBytes: rowBytes || columns.reduce((sum, { width }) => sum + width, 28),
    newBytes,
    secondaryIndexes: indexes.filter(({ primary }) => !primary).length,
    share: Number((1 - empty).toFixed(4)),
    hot: change.target === null && roomy ? 1 : 0,
  };
}

/** The sum of what several steps cost. */
export function sumOf(estimated: readonly Estimate[]): Estimate {
  return {
    rows: Math.max(0, ...estimated.map(({ rows }) => rows)),
    seconds: Number(estimated.reduce((total, { seconds }) => total + seconds, 0).toPrecision(3)),
    walBytes: estimated.reduce((total, { walBytes }) => total + walBytes, 0),
    diskBytes: estimated.reduce((total, { diskBytes }) => total + diskBytes, 0),
  };
}

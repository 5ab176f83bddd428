import { setTimeout as sleep } from 'node:timers/promises';
import type { ChangeSession } from '@switchyard/change-database';
import { emitBarrier, readGauges, type GaugeName, type Readings, type TableName } from '@switchyard/schema-change';
import { z } from 'zod';

/** Options of {@link watchGauges}. */
export interface GaugeOptions {
  /** A connection of its own: that of the chunks is busy. */
  readonly session: ChangeSession;
  readonly table: TableName;
  readonly slot: string;
  /** Prefix of the messages whose commit is timed; the stream passes over them. */
  readonly messagePrefix: string;
  readonly signal: AbortSignal;
}

/** Gauges that are read beside the backfill. */
export interface Gauges {
  /** What was read last; a gauge that cannot be read keeps its old time and goes stale. */
  readonly readings: Readings;
  readonly stop: () => Promise<void>;
}

const EVERY_MS = 1_000;

const gaugeRow = z.object({
  replicaLagSeconds: z.number(),
  slotWalBytes: z.number().nullable(),
  lockWaiters: z.number(),
  longestTransactionSeconds: z.number(),
  autovacuumRunning: z.number(),
});

/** Reads the gauges once a second until it is stopped. Resolves when they were read for the first time. */
export async function watchGauges(options: GaugeOptions): Promise<Gauges> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, options.signal]);
  const readings: Partial<Record<GaugeName, { value: number; at: number }>> = {};
  await read(options, readings);
  const loop = (async () => {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await sleep(EVERY_MS, undefined, { signal });
      // A look that fails leaves what was read to go stale, and that stops the backfill by name.
      // oxlint-disable-next-line no-await-in-loop
      await read(options, readings).catch(() => undefined);
    }
  })().catch(() => undefined);
  return {
    readings,
    stop: async () => {
      ended.abort();
      await loop;
    },
  };
}

async function read(
  { session, table, slot, messagePrefix }: GaugeOptions,
  readings: Partial<Record<GaugeName, { value: number; at: number }>>,
): Promise<void> {
  const [row] = await session.rows(gaugeRow, readGauges(table, slot));
  const startedAt = performance.now();
  await session.run(emitBarrier(messagePrefix, 'probe'));
  const at = performance.now();
  readings.writerLatencyMs = { value: at - startedAt, at };
  if (!row) return;
  const { slotWalBytes, ...numbers } = row;
  for (const [gauge, value] of Object.entries(numbers)) readings[gauge as GaugeName] = { value, at };
  // Without a slot there is nothing to keep: the stream is not on, and then the backfill must not go on either.
  if (slotWalBytes !== null) readings.slotWalBytes = { value: slotWalBytes, at };
}

import {
  controlExists,
  controlInUse,
  createControlSchema,
  createControlTable,
  createParkedTable,
  deleteControl,
  deleteParked,
  dropControlSchema,
  dropControlTable,
  dropParkedTable,
  lockControl,
  readControl,
} from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeSession } from './session.js';

/** Makes the control tables where they are not there yet. Safe when two changes begin at once. */
export function ensureControl(session: ChangeSession): Promise<void> {
  return session.transaction('read committed', async () => {
    await session.run(lockControl());
    await session.run(createControlSchema());
    await session.run(createControlTable());
    await session.run(createParkedTable());
  });
}

/** Removes the rows of a change, and the tables with the last change. Safe to repeat. */
export async function removeControl(session: ChangeSession, change: string): Promise<void> {
  if (!(await hasControl(session))) return;
  await session.transaction('read committed', async () => {
    await session.run(lockControl());
    await session.run(deleteControl(change));
    await session.run(deleteParked(change));
    const [{ in_use: isInUse } = { in_use: true }] = await session.rows(
      z.object({ in_use: z.boolean() }),
      controlInUse(),
    );
    if (isInUse) return;
    await session.run(dropParkedTable());
    await session.run(dropControlTable());
    await session.run(dropControlSchema());
  });
}

/** Whether the control tables are there. */
export async function hasControl(session: ChangeSession): Promise<boolean> {
  const [row] = await session.rows(z.object({ there: z.boolean() }), controlExists());
  return row?.there ?? false;
}

const controlRow = z.object({
  writer: z.string(),
  epoch: z.string(),
  lsn: z.string().nullable(),
  progress: z.record(z.string(), z.unknown()),
  rows_written: z.string().transform(Number),
  updated_at: z.date(),
});

/** One writer of a change, as the database knows it. */
export type ControlRow = z.output<typeof controlRow>;

/** The writers of a change; none when the tables are not there. */
export async function controlRows(session: ChangeSession, change: string): Promise<readonly ControlRow[]> {
  return (await hasControl(session)) ? session.rows(controlRow, readControl(change)) : [];
}

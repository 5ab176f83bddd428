import { readFile } from 'node:fs/promises';
import { parse } from '@switchyard/contracts';
import { z } from 'zod';

/** What stands beside a backup, and in the store. */
export const manifestSchema = z.object({
  kind: z.literal('switchyard-backup'),
  version: z.literal(1),
  file: z.string(),
  bytes: z.number().int(),
  sha256: z.string(),
  format: z.literal('pg_dump custom'),
  database: z.string(),
  host: z.string(),
  port: z.number().int(),
  serverVersion: z.string(),
  pgDump: z.string(),
  /** Entries that pg_restore lists. */
  entries: z.number().int(),
  startedAt: z.string(),
  endedAt: z.string(),
  runId: z.string(),
  executionId: z.string(),
});

export type Manifest = z.output<typeof manifestSchema>;

/** The manifest in a file, or undefined when there is none that can be read. */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const parsed = parse(manifestSchema, JSON.parse(text));
    return parsed.ok ? parsed.value : undefined;
  } catch {
    return undefined;
  }
}

import { z } from 'zod';

/** Name of the manifest within a pack; it comes first. */
export const MANIFEST = 'manifest.json';

export const manifestSchema = z.object({
  format: z.literal('switchyard.dev/evidence/v1'),
  runId: z.string(),
  /** How the run stood when the pack was made. */
  state: z.string(),
  /** The release that made the pack. */
  madeBy: z.object({ switchyard: z.string() }),
  /** What should be here and could not be had, in sentences. */
  missing: z.array(z.string()),
  /** Every other file of the pack, by path. */
  files: z.array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })),
});

/** What a pack holds, with a digest for each file. */
export type Manifest = z.output<typeof manifestSchema>;

/** JSON that is the same for the same value, whatever order its fields were made in. */
export function stableJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, item: unknown) => (isPlain(item) ? sorted(item) : item), 2)}\n`;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sorted = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));

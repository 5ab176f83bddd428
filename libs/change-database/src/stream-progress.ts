import { streamModeSchema } from '@switchyard/contracts';
import { z } from 'zod';

/** The writer name of the change stream. */
export const STREAM_WRITER = 'stream';

/** What the stream keeps with its control row, beside the position. */
export const streamProgressSchema = z.object({
  mode: streamModeSchema,
  /** Epoch that wrote this: a barrier of a mode counts only when a writer in that mode has passed it. */
  epoch: z.string(),
});
export type StreamProgress = z.output<typeof streamProgressSchema>;

/** Reads the progress of the stream; undefined before its first batch. */
export function streamProgressOf(progress: Readonly<Record<string, unknown>>): StreamProgress | undefined {
  const read = streamProgressSchema.safeParse(progress);
  return read.success ? read.data : undefined;
}

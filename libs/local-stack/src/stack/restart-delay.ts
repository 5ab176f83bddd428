/** A worker that was ready for this long before it ended is taken as sound: its next end counts as the first one. */
export const SOUND_MS = 5_000;

/**
 * Milliseconds before a worker that ended is started again: at once the first time, since a killed worker's runs wait
 * for it, then longer and longer, up to ten seconds, since one that ends again and again is broken.
 *
 * @param failures How often in a row it ended without having been ready for {@link SOUND_MS}; at least 1.
 */
export function restartDelay(failures: number): number {
  return failures <= 1 ? 0 : Math.min(10_000, 250 * 2 ** (failures - 2));
}

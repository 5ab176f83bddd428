/**
 * Works on all items, at most `width` at once; a new one starts as soon as one ends. `work` reports failures by value:
 * what it throws (a cancellation) ends the window after every started one has ended.
 */
export async function slidingWindow<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
  mayStart: () => boolean = () => true,
): Promise<void> {
  const queue = items.values();
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (errors.length || !mayStart()) return;
      try {
        await work(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  if (errors.length) throw errors[0];
}

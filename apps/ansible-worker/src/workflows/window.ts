/**
 * Works on items with at most `size` at once, in order. After the first failure no further item is begun; those that
 * run are waited for, and then the failure is thrown. `mayBegin` is asked before each item.
 * @returns the items that were not begun
 */
export async function slidingWindow<T>(
  items: readonly T[],
  size: number,
  mayBegin: (item: T) => boolean,
  work: (item: T) => Promise<void>,
): Promise<readonly T[]> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (;;) {
      const item = items[next];
      if (item === undefined || failure !== undefined || !mayBegin(item)) return;
      next += 1;
      try {
        // A lane works on one item after the other: that is the window.
        // oxlint-disable-next-line no-await-in-loop
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, lane));
  if (failure !== undefined) throw failure.error;
  return items.slice(next);
}

/** How hosts are divided over ansible-playbook processes. */
export interface Batching {
  /** Hosts per process. */
  readonly size: number;
  /** Processes at once. */
  readonly parallel: number;
}

/** The batchings that are tried for so many hosts; one that would not divide them is left out. */
export function batchingsFor(hosts: number): Batching[] {
  const divided = [50, 250].filter((size) => size < hosts).map((size) => ({ size, parallel: 2 }));
  return [...divided, { size: hosts, parallel: 1 }];
}

/** The hosts in slices of a size, in order. */
export function slicesOf<T>(hosts: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(hosts.length / size) }, (_, at) => hosts.slice(at * size, (at + 1) * size));
}

/** Works on all items, at most `width` at once, in order. The first failure ends it once what is under way has ended. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (hasFailed) return;
      try {
        // oxlint-disable-next-line no-await-in-loop -- a lane does one thing after the other
        await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Reads of both shapes under one version of a flag. */
export interface Counts {
  readonly version: number;
  readonly compared: number;
  readonly mismatched: number;
}

/** Counts reads of both shapes for the reports. */
export interface ShadowReads {
  record(flag: string, version: number, isSame: boolean): void;
  /** By flag, under the newest version that a read went by. */
  counts(): Readonly<Record<string, Counts>>;
}

/** Counts from 0, and from 0 again with each version. */
export function createShadowReads(): ShadowReads {
  const counts = new Map<string, Counts>();
  return {
    record(flag, version, isSame) {
      const before = counts.get(flag);
      const { compared, mismatched, ...newest } =
        before && before.version >= version ? before : { version, compared: 0, mismatched: 0 };
      counts.set(flag, { ...newest, compared: compared + 1, mismatched: mismatched + (isSame ? 0 : 1) });
    },
    counts: () => Object.fromEntries(counts),
  };
}

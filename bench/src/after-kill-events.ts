import type { StoredEvent } from '@switchyard/contracts';

/** What the events of a run say of a moment at which its worker was killed. */
export interface AfterKill {
  /** Milliseconds from the kill to the first thing that the tool did again; null when it never did. */
  readonly resumedMs: number | null;
  /** Hosts that had ended well before the kill and were worked on again: there should be none. */
  readonly again: readonly string[];
}

/** Event types that say that a host has ended its part. */
const HOST_ENDED = ['host_ok', 'host_skipped'];

/**
 * Reads the events of a playbook of one task whose worker was killed at `killedAt`.
 * @param killedAt milliseconds since 1970
 */
export function afterKill(events: readonly StoredEvent[], killedAt: number): AfterKill {
  const ofTool = events.filter(({ source }) => source === 'ansible');
  const isBefore = ({ at }: StoredEvent): boolean => Date.parse(at) <= killedAt;
  const first = ofTool.find((event) => !isBefore(event));
  const hostsIn = (some: readonly StoredEvent[]): Set<string> =>
    new Set(some.flatMap(({ type, subject }) => (subject !== null && HOST_ENDED.includes(type) ? [subject] : [])));
  const before = hostsIn(ofTool.filter(isBefore));
  const after = hostsIn(ofTool.filter((event) => !isBefore(event)));
  return {
    resumedMs: first ? Date.parse(first.at) - killedAt : null,
    again: [...before].filter((host) => after.has(host)).toSorted(),
  };
}

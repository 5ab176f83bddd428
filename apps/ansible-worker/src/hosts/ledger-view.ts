import type { AnsibleResult, HostResult } from '@switchyard/contracts';
import type { FinalHost, KnownHost } from '../ports.js';
import type { BatchCounts } from '../workflows/activities.js';

/** Hosts beyond this are not returned one by one: the history of a workflow takes 2 MB per payload. */
export const MOST_HOSTS_IN_RESULT = 5_000;
/** Hosts beyond this are not part of an activity's result, but collected once at the end. */
export const MOST_HOSTS_IN_BATCH_RESULT = 500;

/** A host of the ledger as the result of a run shows it. */
export function hostResultOf({ state, counts }: Pick<KnownHost, 'state' | 'counts'>): HostResult {
  const count = (name: string): number => counts[name] ?? 0;
  const outcome = {
    pending: 'not-started',
    running: 'not-started',
    skipped: 'not-started',
    ok: count('ok') === 0 && count('skipped') > 0 ? 'skipped' : 'ok',
    failed: 'failed',
    unreachable: 'unreachable',
  } as const;
  return {
    outcome: outcome[state],
    ok: count('ok'),
    changed: count('changed'),
    failed: count('failed'),
    unreachable: count('unreachable'),
    skipped: count('skipped'),
    rescued: count('rescued'),
    ignored: count('ignored'),
  };
}

/** A host's result as the ledger keeps it. `skipped` in the ledger is a host that never started. */
export function finalHostOf(
  host: string,
  { outcome, ...counts }: HostResult,
  where: { readonly batch: number; readonly attempt: number; readonly message: string | undefined },
): FinalHost {
  const state = outcome === 'not-started' ? 'skipped' : outcome === 'skipped' ? 'ok' : outcome;
  const { batch, attempt, message } = where;
  return { host, state, attempt, batch, counts, ...(message === undefined ? {} : { message }) };
}

export function countHosts(hosts: readonly KnownHost[]): BatchCounts {
  const count = (...states: readonly KnownHost['state'][]): number =>
    hosts.filter(({ state }) => states.includes(state)).length;
  return {
    total: hosts.length,
    ok: count('ok'),
    failed: count('failed'),
    unreachable: count('unreachable'),
    notStarted: count('pending', 'running', 'skipped'),
  };
}

/** Results by host name; of more than {@link MOST_HOSTS_IN_RESULT} only those that did not end well. */
export function resultsOf(hosts: readonly KnownHost[]): AnsibleResult['hosts'] {
  const shown = hosts.length > MOST_HOSTS_IN_RESULT ? hosts.filter(({ state }) => state !== 'ok') : hosts;
  return Object.fromEntries(shown.slice(0, MOST_HOSTS_IN_RESULT).map((host) => [host.host, hostResultOf(host)]));
}

/** The hosts that a further attempt, or a run with `retryOf`, takes up. */
export function failedHostsOf(hosts: readonly KnownHost[]): string[] {
  return hosts.filter(({ state }) => state === 'failed' || state === 'unreachable').map(({ host }) => host);
}

const MOST_REASONS = 5;

/** Why the first of these hosts did not end well, for the message of a failure. */
export function reasonsOf(hosts: readonly KnownHost[]): string[] {
  return hosts
    .filter(({ state, message }) => (state === 'failed' || state === 'unreachable') && message !== null)
    .slice(0, MOST_REASONS)
    .map(({ host, message }) => `${host}: ${message ?? ''}`);
}

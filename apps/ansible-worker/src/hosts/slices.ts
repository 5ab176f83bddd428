import type { KnownHost } from '../ports.js';

/** How many slices so many hosts make. */
export function sliceCount(hosts: number, batchSize: number): number {
  return Math.ceil(hosts / batchSize);
}

/**
 * The hosts of one slice, counted from 1. The ledger gives hosts by name and never changes them, so every worker cuts
 * the same slices.
 */
export function sliceOf<H>(hosts: readonly H[], batchSize: number, batch: number): readonly H[] {
  return hosts.slice((batch - 1) * batchSize, batch * batchSize);
}

/**
 * The hosts that an attempt works on: at first those without a final result (all of them, or what a crash left), later
 * those that did not end well.
 */
export function hostsToRun(hosts: readonly KnownHost[], attempt: number): string[] {
  const states: readonly KnownHost['state'][] =
    attempt === 1 ? ['pending', 'running'] : ['pending', 'running', 'failed', 'unreachable', 'skipped'];
  return hosts.filter(({ state }) => states.includes(state)).map(({ host }) => host);
}

import type { AnsibleInput } from '@switchyard/contracts';
import type { KnownHost } from '../ports.js';

/** How many slices so many hosts make. */
export function sliceCount(hosts: number, batchSize: number): number {
  return Math.ceil(hosts / batchSize);
}

/** Attempts of batches in one execution. Each is up to 12 events of its history, of which Temporal takes 51,200. */
const MOST_ATTEMPTS = 3_000;

/** The smallest batches with which a run over so many hosts fits into the history of one execution, also when every batch uses all attempts. */
export function smallestBatchSize(hosts: number, attempts: number): number {
  return Math.max(1, Math.ceil(hosts / Math.floor(MOST_ATTEMPTS / attempts)));
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

/** Whether a run that is still under way runs on a host no more: it failed there in its last attempt. */
export function isThroughWith({ state, attempt }: KnownHost, { retry }: AnsibleInput): boolean {
  // Rounds on all hosts each have a ledger of their own, and another one may follow.
  if (retry.only === 'all' && retry.attempts > 1) return false;
  return (state === 'failed' || state === 'unreachable') && attempt >= retry.attempts;
}

import type { AnsibleResult, FailureCode, HostResult } from '@switchyard/contracts';
import { refusalOf, sayingOf } from './refusal.js';
import type { HostCounts, Tally } from './tally.js';

/** How the process ended, as far as the verdict needs it. */
export interface ProcessEnd {
  readonly ended: 'exited' | 'signalled' | 'cancelled' | 'timed-out' | 'not-started';
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason?: string;
  /** Last lines of its output, masked. */
  readonly tail: readonly string[];
}

/** What was asked of the process, as far as the verdict needs it. */
export interface Asked {
  readonly startAtTask?: string | undefined;
}

/** What one ansible-playbook process came to. */
export type Verdict =
  /** It came to its end on hosts. `outcome` is over all of them. */
  | {
      readonly kind: 'finished';
      readonly outcome: 'successful' | 'failed' | 'unreachable';
      readonly hosts: Readonly<Record<string, HostResult>>;
    }
  /** It named the hosts and ended before any task, because there are more than one batch of them. */
  | { readonly kind: 'split' }
  /** It gave no result on hosts. */
  | {
      readonly kind: 'refused';
      readonly code: FailureCode;
      readonly verdict: Extract<AnsibleResult['verdict'], 'no-hosts' | 'error'>;
      readonly message: string;
      readonly isRetryable: boolean;
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'timed-out'; readonly message: string };

/** The outcome of one host. A failure that was rescued or ignored is none: the counts of the stats say so. */
export function outcomeOf(counts: HostCounts, isTouched: boolean, othersFailed: boolean): HostResult['outcome'] {
  if (counts.failed > 0) return 'failed';
  if (counts.unreachable > 0) return 'unreachable';
  // A play without tasks touches nothing and is done all the same; one that was broken off never got to this host.
  if (!isTouched) return othersFailed ? 'not-started' : 'ok';
  return counts.ok === 0 && counts.skipped > 0 ? 'skipped' : 'ok';
}

/** The results of all hosts that the process named. */
export function hostResults(tally: Tally): Record<string, HostResult> {
  const names = tally.named;
  const isBad = (host: string): boolean => tally.countsOf(host).failed + tally.countsOf(host).unreachable > 0;
  const othersFailed = !tally.isComplete || names.some(isBad);
  return Object.fromEntries(
    names.map((host) => {
      const counts = tally.countsOf(host);
      return [host, { outcome: outcomeOf(counts, tally.isTouched(host), othersFailed), ...counts }];
    }),
  );
}

/** The verdict over hosts: `unreachable` only when nothing else went wrong. */
export function outcomeOver(hosts: Iterable<HostResult>): 'successful' | 'failed' | 'unreachable' {
  let isUnreachable = false;
  for (const { outcome } of hosts) {
    if (outcome === 'failed') return 'failed';
    if (outcome === 'unreachable') isUnreachable = true;
  }
  return isUnreachable ? 'unreachable' : 'successful';
}

function refused(code: FailureCode, message: string, isRetryable = false): Verdict {
  const verdict = code === 'AnsibleNoHostsMatched' ? 'no-hosts' : 'error';
  return { kind: 'refused', code, verdict, message, isRetryable };
}

/**
 * What came of a process: from its events and final stats; the exit code only tells apart what no event tells.
 * The README has this as a table, and `verdict.test.ts` one test per row of it.
 */
export function judge(end: ProcessEnd, tally: Tally, asked: Asked = {}): Verdict {
  if (end.ended === 'not-started')
    return refused('AnsibleCrashed', `ansible-playbook did not start: ${end.reason ?? 'unknown'}`, true);
  // The stats are the truth, also when a cancel or a time-out came in the moment after them.
  if (tally.isComplete) return judgeComplete(end, tally, asked);
  if (end.ended === 'cancelled') return { kind: 'cancelled' };
  if (end.ended === 'timed-out')
    return { kind: 'timed-out', message: `ansible-playbook: ${end.reason ?? 'took too long'}` };
  if (end.ended === 'signalled') {
    return refused('AnsibleCrashed', `ansible-playbook was ended from outside by ${end.signal ?? 'a signal'}`, true);
  }
  if (tally.plan?.split && end.exitCode === 0) return { kind: 'split' };
  return judgeBrokenOff(end, tally);
}

function judgeComplete(end: ProcessEnd, tally: Tally, { startAtTask }: Asked): Verdict {
  const hosts = hostResults(tally);
  if (Object.keys(hosts).length === 0) {
    const patterns = tally.plan?.plays.map((play) => play.pattern).join(', ') ?? '';
    return refused('AnsibleNoHostsMatched', `no host matched (hosts: ${patterns || 'unknown'})`);
  }
  const outcome = outcomeOver(Object.values(hosts));
  // 0 is right, 2 and 4 say in numbers what the stats say by host. Anything else came after the stats.
  if (outcome === 'successful' && end.ended === 'exited' && end.exitCode !== 0) {
    return refused(
      'AnsibleCrashed',
      `every host ended well, but ansible-playbook ended with ${end.exitCode}: ${sayingOf(end.tail)}`,
    );
  }
  // Ansible passes over every task when none has the name, and calls that a success.
  if (outcome === 'successful' && startAtTask !== undefined && tally.ownTasksStarted === 0) {
    const way = 'tasks of files that are included while it runs are not found either';
    return refused('AnsiblePlaybookInvalid', `startAtTask: no task is named "${startAtTask}", and nothing ran; ${way}`);
  }
  return { kind: 'finished', outcome, hosts };
}

/** No final stats: whatever the exit code says, this was no success. */
function judgeBrokenOff(end: ProcessEnd, tally: Tally): Verdict {
  if (tally.strayed) return refused('AnsibleInventoryInvalid', strayedText(tally.strayed));
  const said = sayingOf(end.tail);
  switch (end.exitCode) {
    case 0:
      return refused('AnsibleCrashed', `ansible-playbook ended with 0 and gave no result: ${said}`);
    case 99:
      return refused('AnsibleCrashed', 'ansible-playbook was interrupted from outside', true);
    case 250:
      return refused('AnsibleCrashed', `ansible-playbook ended by an unexpected exception: ${said}`, true);
    default: {
      const { code, isRetryable } = refusalOf(said);
      const where = tally.playsStarted > 0 && tally.lastTask !== undefined ? ` (after task "${tally.lastTask}")` : '';
      return refused(code, `${said}${where}`, isRetryable);
    }
  }
}

function strayedText({ hosts, count, message }: NonNullable<Tally['strayed']>): string {
  const what =
    count === 0
      ? `which hosts the play would run on could not be told (${message ?? 'unknown'})`
      : `the play would run on ${hosts.join(', ')}${count > hosts.length ? ` and ${count - hosts.length} more` : ''}, which it was not given`;
  const why = 'a host that it was given has left the inventory, or has a name that Ansible reads as a pattern';
  return `inventory: ${what}: ${why}; rename the host, or start a new run with the hosts as they are now`;
}

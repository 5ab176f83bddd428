import {
  ansibleInputSchema,
  CodedError,
  parseOrThrow,
  type AnsibleInput,
  type NewEventInput,
  type RunRef,
} from '@switchyard/contracts';
import { linkEvents } from '../events/link-events.js';
import { narrowHosts } from '../hosts/narrow.js';
import { isThroughWith } from '../hosts/slices.js';
import type { AnsibleDeps, EventSink, KnownHost } from '../ports.js';
import type { TakenUp } from '../workflows/activities.js';

/** Fields that say how to take a run up, and are no part of what runs. */
const ABOUT_THE_OLD_RUN = ['retryOf', 'only'];

const WANTED: Readonly<Record<NonNullable<AnsibleInput['only']>, readonly KnownHost['state'][] | 'all'>> = {
  'failed-hosts': ['failed', 'unreachable'],
  'unreachable-hosts': ['unreachable'],
  'unfinished-hosts': ['failed', 'unreachable', 'pending', 'running', 'skipped'],
  all: 'all',
};

/** Whether the caller wrote a field, in either spelling; defaults of the schema do not count as written. */
function isGiven(given: object, field: string): boolean {
  const snake = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return [field, snake, `${field}_path`].some((name) => Object.hasOwn(given, name));
}

/** The old input with what the new one gives laid over it. Exported for its test. */
export function layOver(old: AnsibleInput, given: object, parsed: AnsibleInput): AnsibleInput {
  const fields = Object.entries(parsed).filter(
    ([field]) => !ABOUT_THE_OLD_RUN.includes(field) && isGiven(given, field),
  );
  return parseOrThrow(ansibleInputSchema, { ...old, ...Object.fromEntries(fields) }, 'AnsibleWorkflow input');
}

/**
 * Takes a run up again: see {@link TakenUp}. Doing it twice gives the same, but for a second pair of events. Of a run
 * that is still under way only the hosts with which it is through.
 * @throws CodedError NotFound, AnsibleNoHostsMatched, PreflightRefused for other hosts of a run under way
 */
export async function takeUp(
  deps: Pick<AnsibleDeps, 'ledger' | 'inputs' | 'events' | 'isRunning'>,
  { ref, given }: { readonly ref: RunRef; readonly given: unknown },
): Promise<TakenUp> {
  const parsed = parseOrThrow(ansibleInputSchema, given, 'AnsibleWorkflow input');
  const oldId = parsed.retryOf ?? '';
  const execution = await deps.ledger.latest(oldId);
  // Before the hosts are read: of a run that ended in between they would be those of a moment when it still ran.
  const isUnderWay = execution !== undefined && (await deps.isRunning(execution.workflowId));
  const kept = execution && (await deps.inputs.find(execution.runId, execution.executionId));
  const known = execution && (await deps.ledger.read(execution.executionId));
  if (execution === undefined || kept === undefined || known === undefined) {
    throw new CodedError(
      'NotFound',
      `retryOf: no playbook run "${oldId}" with hosts is in the store; name the id of a run that got as far as its hosts`,
    );
  }
  const old = parseOrThrow(ansibleInputSchema, kept, `the input of ${oldId}`);
  const input = layOver(old, Object(given) as object, parsed);
  const only = parsed.only ?? 'failed-hosts';
  // Its own worker would run the others at the same time.
  if (isUnderWay && (only === 'all' || only === 'unfinished-hosts')) {
    throw new CodedError(
      'PreflightRefused',
      `retryOf: run "${execution.workflowId}" is still under way, so only hosts that it has given up can be taken up (failed-hosts, unreachable-hosts); wait for its end, or abort it first`,
    );
  }
  const states = WANTED[only];
  const link = (hosts: number): Promise<void> =>
    tellBoth(deps.events, linkEvents({ ref, old: execution, only, hosts }));
  if (states === 'all') {
    await link(known.hosts.length);
    return { input, hosts: known.hosts.length };
  }

  const free = isUnderWay ? known.hosts.filter((host) => isThroughWith(host, old)) : known.hosts;
  const wanted = free.filter(({ state }) => states.includes(state)).map(({ host }) => host);
  const hosts = isGiven(Object(given) as object, 'limit') ? narrowHosts(wanted, parsed.limit ?? []) : wanted;
  if (hosts.length === 0) {
    const why = isUnderWay ? 'is still under way and has given up no host yet' : 'has no host left to run on';
    throw new CodedError('AnsibleNoHostsMatched', `retryOf: run "${oldId}" ${why} (${only})`);
  }
  // The hosts are in the ledger from here on, so the limit has done its work.
  const { limit: _, ...rest } = input;
  await deps.ledger.snapshot(ref, known.inventoryDigest, hosts);
  await link(hosts.length);
  return { input: rest, hosts: hosts.length };
}

async function tellBoth(sink: EventSink, events: readonly NewEventInput[]): Promise<void> {
  for (const event of events) {
    // In order, as the buffer takes them.
    // oxlint-disable-next-line no-await-in-loop
    await sink.write(event);
  }
  await sink.flush();
}

import { ansibleInputSchema, CodedError, parseOrThrow, type AnsibleInput, type RunRef } from '@switchyard/contracts';
import { narrowHosts } from '../hosts/narrow.js';
import type { AnsibleDeps, KnownHost } from '../ports.js';
import type { TakenUp } from '../workflows/activities.js';

/** Fields that say how to take a run up, and are no part of what runs. */
const ABOUT_THE_OLD_RUN = ['retryOf', 'only'];

const WANTED: Readonly<Record<NonNullable<AnsibleInput['only']>, readonly KnownHost['state'][] | 'all'>> = {
  'failed-hosts': ['failed', 'unreachable'],
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

/** Takes a finished run up again: see {@link TakenUp}. Doing it twice gives the same. */
export async function takeUp(
  deps: Pick<AnsibleDeps, 'ledger' | 'inputs'>,
  { ref, given }: { readonly ref: RunRef; readonly given: unknown },
): Promise<TakenUp> {
  const parsed = parseOrThrow(ansibleInputSchema, given, 'AnsibleWorkflow input');
  const oldId = parsed.retryOf ?? '';
  const execution = await deps.ledger.latest(oldId);
  const kept = execution && (await deps.inputs.find(execution.runId, execution.executionId));
  const known = execution && (await deps.ledger.read(execution.executionId));
  if (kept === undefined || known === undefined) {
    throw new CodedError(
      'NotFound',
      `retryOf: no playbook run "${oldId}" with hosts is in the store; name the id of a run that got as far as its hosts`,
    );
  }
  const old = parseOrThrow(ansibleInputSchema, kept, `the input of ${oldId}`);
  const input = layOver(old, Object(given) as object, parsed);
  const states = WANTED[parsed.only ?? 'failed-hosts'];
  if (states === 'all') return { input, hosts: known.hosts.length };

  const wanted = known.hosts.filter(({ state }) => states.includes(state)).map(({ host }) => host);
  const hosts = isGiven(Object(given) as object, 'limit') ? narrowHosts(wanted, parsed.limit ?? []) : wanted;
  if (hosts.length === 0) {
    throw new CodedError(
      'AnsibleNoHostsMatched',
      `retryOf: no host of run "${oldId}" is left to run on (${parsed.only ?? 'failed-hosts'})`,
    );
  }
  // The hosts are in the ledger from here on, so the limit has done its work.
  const { limit: _, ...rest } = input;
  await deps.ledger.snapshot(ref, known.inventoryDigest, hosts);
  return { input: rest, hosts: hosts.length };
}

import type { StoredEvent } from '@switchyard/contracts';
import { z } from 'zod';
import type { FailureFacts } from '../history/failure-facts.js';
import { RAW_LINE } from '../format-event.js';
import type { Cause, Evidence, Link } from './explanation.js';
import { isUndo, type ChildFacts, type WorkflowFacts } from './facts.js';

/** Lines of evidence that are shown; all of them are in `runs logs`. */
const MOST_EVIDENCE = 8;

/** Parts of the details of failures that say more than their message. Details of others have none of them. */
const detailsSchema = z
  .object({
    steps: z.record(
      z.string(),
      z.object({ outcome: z.string(), error: z.object({ message: z.string() }).nullish() }).loose(),
    ),
    cause: z.object({ code: z.string(), message: z.string(), step: z.string() }).partial(),
    failedHosts: z.array(z.string()),
  })
  .partial();

const partsOf = (details: unknown): z.output<typeof detailsSchema> => detailsSchema.safeParse(details).data ?? {};

/** The way from a failed run down to where the failure began: a child only where its failure is that of its parent. */
export function findCause(run: WorkflowFacts, failure: FailureFacts): Cause {
  const chain: Link[] = [];
  let at = run;
  let here = failure;
  for (;;) {
    chain.push(linkOf(at, here));
    const child = culpritOf(at, here);
    if (!child) break;
    const { facts } = child;
    const below = facts?.failure ?? child.failure ?? here;
    if (!facts) {
      // Its history is gone: what its parent heard of it is all that is left.
      chain.push({ ...bare(child, below), step: null });
      return { chain, activity: null, evidence: [] };
    }
    at = facts;
    here = below;
  }
  return { chain, activity: activityOf(at, here), evidence: evidenceOf(at, here) };
}

const bare = ({ workflowId, type }: Pick<ChildFacts, 'workflowId' | 'type'>, { code, message }: FailureFacts) => ({
  workflowId,
  type,
  attempts: 1,
  code,
  message,
});

function linkOf(facts: WorkflowFacts, failure: FailureFacts): Link {
  const step = failedStep(facts, failure);
  return { ...bare(facts, failure), step: step?.id ?? null, attempts: step?.attempts ?? 1 };
}

/** What a failed compensation hides: the failure that was to be undone. */
const before = (failure: FailureFacts): { readonly code: string; readonly message: string } => {
  const { cause } = partsOf(failure.details);
  return { code: cause?.code ?? failure.code, message: cause?.message ?? failure.message };
};

function failedStep(
  { events }: WorkflowFacts,
  failure: FailureFacts,
): { readonly id: string; readonly attempts: number } | undefined {
  const failed = events.filter((event) => event.type === 'step_failed' && event.step !== null);
  const attemptsOf = (id: string): number =>
    Math.max(1, ...events.filter((event) => event.step === id).map((event) => event.attempt));
  const { steps = {}, cause } = partsOf(failure.details);
  const message = before(failure).message;
  const told = Object.entries(steps).find(
    ([, { outcome, error }]) => outcome === 'failed' && error && message.endsWith(error.message),
  )?.[0];
  const id = cause?.step ?? told ?? failed.at(-1)?.step ?? undefined;
  return id === undefined ? undefined : { id, attempts: attemptsOf(id) };
}

/** The child whose failure is that of its parent: said by the message, else by the code. A fan-out has chunks between them. */
function culpritOf(parent: WorkflowFacts, failure: FailureFacts): ChildFacts | undefined {
  const { code, message } = before(failure);
  const failed = parent.children
    .filter((child) => !isUndo(parent.workflowId, child.workflowId))
    .flatMap((child) => (child.state === 'completed' ? (child.facts?.children ?? []) : [child]))
    .filter((child) => child.failure !== null)
    .toSorted((a, b) => (b.endedAt ?? '').localeCompare(a.endedAt ?? ''));
  return (
    failed.find((child) => child.failure?.message && message.includes(child.failure.message)) ??
    failed.find((child) => child.failure?.code === code && code !== 'Cancelled')
  );
}

function activityOf(facts: WorkflowFacts, failure: FailureFacts): Cause['activity'] {
  const failed =
    facts.failedActivities.findLast(({ type }) => type === failure.activity) ??
    facts.failedActivities.findLast(
      (one) => one.failure !== null && before(failure).message.includes(one.failure.message),
    );
  return failed ? { type: failed.type, attempts: failed.attempts } : null;
}

/** The errors that the tools told, the last of each subject: an error that a later attempt mended explains nothing. */
function evidenceOf({ events }: WorkflowFacts, failure: FailureFacts): Evidence[] {
  const { failedHosts } = partsOf(failure.details);
  const errors = events.filter(
    ({ level, source, subject }) =>
      level === 'error' &&
      source !== 'run' &&
      source !== 'step' &&
      (failedHosts === undefined || subject === null || failedHosts.includes(subject)),
  );
  const told = errors.filter(({ type }) => type !== RAW_LINE);
  // What a tool printed says the same again; it counts where the tool said nothing else.
  const last = new Map((told.length > 0 ? told : errors).map((event) => [event.subject ?? event.seq, event]));
  return [...last.values()].slice(-MOST_EVIDENCE).map(toEvidence);
}

function toEvidence({ subject, data, attempt, message, at, seq }: StoredEvent): Evidence {
  const { task } = data;
  return { subject, task: typeof task === 'string' ? task : null, attempt, message, at, seq };
}

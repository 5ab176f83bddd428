import { TAKEN_UP_EVENTS, type NewEventInput, type RunRef, type TakenUpHosts } from '@switchyard/contracts';

const TEXT: Readonly<Record<TakenUpHosts, string>> = {
  'failed-hosts': 'that failed or could not be reached',
  'unreachable-hosts': 'that could not be reached',
  'unfinished-hosts': 'that did not end well',
  all: 'of it',
};

/** What a run that takes another one up, and the other one, say of each other. */
export function linkEvents({
  ref,
  old,
  only,
  hosts,
}: {
  readonly ref: RunRef;
  readonly old: RunRef;
  readonly only: TakenUpHosts;
  readonly hosts: number;
}): NewEventInput[] {
  const count = `${hosts} host${hosts === 1 ? '' : 's'} ${TEXT[only]}`;
  const at = new Date().toISOString();
  const event = (of: RunRef, type: string, other: string, message: string): NewEventInput => ({
    runId: of.runId,
    workflowId: of.workflowId,
    attempt: 1,
    source: 'ansible',
    type,
    level: 'info',
    subject: other,
    message,
    data: { run: other, only, hosts },
    at,
  });
  return [
    event(ref, TAKEN_UP_EVENTS.takes, old.workflowId, `takes up run ${old.workflowId} on the ${count}`),
    event(old, TAKEN_UP_EVENTS.taken, ref.workflowId, `taken up by run ${ref.workflowId} on the ${count}`),
  ];
}

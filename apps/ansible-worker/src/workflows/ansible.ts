import { ansibleInputSchema, gitPinOf, type AnsibleInput, type AnsibleResult } from '@switchyard/contracts';
import { activities, fail, failureOf, pinSource, runWorkflow, sourceSteps, type Run } from '@switchyard/workflow-kit';
import { isCancellation, patched, sleep } from '@temporalio/workflow';
import type { AnsibleActivities } from './activities.js';
import { PLAYBOOK_STEP, Round, type RoundResult } from './round.js';

/** Runs a playbook. The result has every host; a failure carries the same object in its details. */
export async function AnsibleWorkflow(given: unknown): Promise<AnsibleResult> {
  return runWorkflow({
    kind: 'ansible',
    schema: ansibleInputSchema,
    given,
    what: 'AnsibleWorkflow input',
    describe: ({ playbook, project, retryOf }) => ({
      title: retryOf === undefined ? `Playbook ${playbook ?? ''}` : `Retry of ${retryOf}`,
      target: playbook ?? retryOf ?? '',
      steps: [
        ...sourceSteps(project),
        { id: PLAYBOOK_STEP, title: playbook === undefined ? 'Run playbook' : `Run ${playbook}` },
      ],
    }),
    body: async (run, input) => {
      const step = run.step(PLAYBOOK_STEP);
      step.start();
      try {
        const { result, summary } = await play(run, input, given);
        step.done(summary);
        return result;
      } catch (error) {
        // A cancelled batch has said already what is left running.
        if (!isCancellation(error)) step.failed(failureOf(error).message);
        throw error;
      }
    },
  });
}

interface Played {
  readonly result: AnsibleResult;
  readonly summary: string;
}

async function play(run: Run, given: AnsibleInput, raw: unknown): Promise<Played> {
  const wanted = given.retryOf === undefined ? given : await takeUp(run, raw);
  // The commit of a run that is taken up comes with its input, so that the hosts left get what the others got.
  const input = wanted.project ? { ...wanted, project: await pinSource(run, wanted.project) } : wanted;
  if (input.startAtTask !== undefined) {
    run.warn(`starts at task "${input.startAtTask}": what earlier tasks register, set or notify is missing`);
  }
  const isWhole = input.retry.only === 'all';
  const rounds = isWhole ? input.retry.attempts : 1;
  for (let round = 1; ; round++) {
    const { executionId } = run.ref;
    const ledgerId = round === 1 ? executionId : `${executionId}#${round}`;
    const attempts = isWhole ? 1 : input.retry.attempts;
    // Rounds follow each other.
    // oxlint-disable-next-line no-await-in-loop
    const played = await new Round({ run, input, ledgerId, attempts }).play();
    const result = resultOf(run, input, played);
    const summary = summaryOf(played);
    // oxlint-disable-next-line no-await-in-loop
    if (result.verdict === 'successful') return { result: await withChanges(run, input, result), summary };
    // oxlint-disable-next-line no-await-in-loop
    if (round === rounds) throw failureFor(await withChanges(run, input, result), played);
    run.warn(`attempt ${round + 1} of ${rounds} on all hosts: ${summary}`);
    // oxlint-disable-next-line no-await-in-loop
    await sleep(input.retry.delay);
  }
}

/** With `check` or `diff` the result tells the changes. */
async function withChanges(run: Run, { check, diff }: AnsibleInput, result: AnsibleResult): Promise<AnsibleResult> {
  if ((!check && !diff) || !patched('ansible-changes')) return result;
  const { collectChanges } = activities<Pick<AnsibleActivities, 'collectChanges'>>({
    startToClose: 60_000,
    heartbeat: false,
  });
  return { ...result, changes: await collectChanges({ ref: run.ref, isCheck: check }) };
}

async function takeUp(run: Run, given: unknown): Promise<AnsibleInput> {
  const { takeUp: take } = activities<Pick<AnsibleActivities, 'takeUp'>>({ startToClose: 60_000, heartbeat: false });
  const { input, hosts } = await take({ ref: run.ref, given });
  run.step(PLAYBOOK_STEP).progress(0, `${input.playbook ?? ''} on ${hosts} host${hosts === 1 ? '' : 's'}`);
  return input;
}

function verdictOf({ failed, unreachable, notStarted }: RoundResult['counts']): AnsibleResult['verdict'] {
  if (failed > 0) return 'failed';
  if (unreachable > 0) return 'unreachable';
  return notStarted > 0 ? 'failed' : 'successful';
}

function resultOf(
  run: Run,
  { project }: AnsibleInput,
  { counts, hosts, failedHosts, batches, inventoryDigest, tail }: RoundResult,
): AnsibleResult {
  return {
    runId: run.ref.workflowId,
    verdict: verdictOf(counts),
    hosts,
    failedHosts: [...failedHosts],
    batches,
    inventoryDigest,
    durationMs: run.elapsedMs(),
    tail: [...tail],
    ...sourceOf(project),
  };
}

/** The commit that runs, for a project from git. */
function sourceOf(project: AnsibleInput['project']): Pick<AnsibleResult, 'source'> {
  const source = gitPinOf(project);
  return source === undefined ? {} : { source };
}

/** Of many hosts the result names only those that did not end well, so that they are counted elsewhere. */
function summaryOf({ counts, failedHosts }: RoundResult): string {
  const of = `${counts.total} host${counts.total === 1 ? '' : 's'}`;
  return failedHosts.length === 0 ? `${of} ended well` : `${failedHosts.length} of ${of} did not end well`;
}

function failureFor(result: AnsibleResult, { counts, reasons }: RoundResult): Error {
  const code = result.verdict === 'unreachable' ? 'AnsibleHostsUnreachable' : 'AnsibleHostsFailed';
  const parts = [
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.unreachable > 0 ? [`${counts.unreachable} could not be reached`] : []),
    ...(counts.notStarted > 0 ? [`${counts.notStarted} did not start`] : []),
  ];
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  const message = `of ${counts.total} hosts ${parts.join(', ')}${why}; mend them, then start a run with \`retryOf\` "${result.runId}"`;
  return fail(code, message, result);
}

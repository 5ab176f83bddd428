import { ansibleInputSchema, gitPinOf, type AnsibleInput, type AnsibleResult } from '@switchyard/contracts';
import {
  activities,
  continueRun,
  fail,
  failureOf,
  lockSteps,
  pinSource,
  runWorkflow,
  sourceSteps,
  withLocks,
  type CarriedRun,
  type Run,
} from '@switchyard/workflow-kit';
import { ContinueAsNew, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { AnsibleActivities } from './activities.js';
import { PLAYBOOK_STEP, Round, type CarriedRound, type RoundResult } from './round.js';

/** What an execution hands to the next one when its history is full. */
interface Carried {
  readonly run: CarriedRun;
  /** From 1 on. */
  readonly round: number;
  readonly progress: CarriedRound;
}

/**
 * Runs a playbook. The result has every host; a failure carries the same object in its details.
 * @param carried given by the execution before, when the history of one is not enough; callers give one argument
 */
export async function AnsibleWorkflow(given: unknown, carried?: Carried): Promise<AnsibleResult> {
  return runWorkflow({
    carried: carried?.run,
    kind: 'ansible',
    schema: ansibleInputSchema,
    given,
    what: 'AnsibleWorkflow input',
    describe: ({ playbook, project, retryOf, locks }) => ({
      title: retryOf === undefined ? `Playbook ${playbook ?? ''}` : `Retry of ${retryOf}`,
      target: playbook ?? retryOf ?? '',
      steps: [
        ...lockSteps(locks),
        ...sourceSteps(project),
        { id: PLAYBOOK_STEP, title: playbook === undefined ? 'Run playbook' : `Run ${playbook}` },
      ],
    }),
    body: async (run, input) => {
      const step = run.step(PLAYBOOK_STEP);
      if (carried === undefined) step.start();
      try {
        const { result, summary } = await play(run, input, { given, carried });
        step.done(summary);
        return result;
      } catch (error) {
        // A cancelled batch has said already what is left running.
        if (!isCancellation(error) && !(error instanceof ContinueAsNew)) step.failed(failureOf(error).message);
        throw error;
      }
    },
  });
}

interface Start {
  /** The argument as the caller gave it. */
  readonly given: unknown;
  readonly carried: Carried | undefined;
}

interface Played {
  readonly result: AnsibleResult;
  readonly summary: string;
}

async function play(run: Run, parsed: AnsibleInput, { given, carried }: Start): Promise<Played> {
  const wanted = parsed.retryOf === undefined ? parsed : await takeUp(run, given);
  const { locks: names = [], lockTimeout: timeout, playbook } = wanted;
  const locks = { names, timeout, reason: `playbook ${playbook ?? ''}`, isHeld: carried !== undefined };
  return withLocks(run, locks, () => playRounds(run, wanted, carried));
}

async function playRounds(run: Run, wanted: AnsibleInput, carried: Carried | undefined): Promise<Played> {
  // The commit of a run that is taken up or continued comes with its input: hosts left get what the others got.
  const project = carried === undefined && wanted.project ? await pinSource(run, wanted.project) : wanted.project;
  const input = project === undefined ? wanted : { ...wanted, project };
  if (carried === undefined && input.startAtTask !== undefined) {
    run.warn(`starts at task "${input.startAtTask}": what earlier tasks register, set or notify is missing`);
  }
  const isWhole = input.retry.only === 'all';
  const rounds = isWhole ? input.retry.attempts : 1;
  for (let round = carried?.round ?? 1; ; round++) {
    // Rounds follow each other.
    // oxlint-disable-next-line no-await-in-loop
    const played = await playRound(run, input, round, carried?.round === round ? carried.progress : undefined);
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

/** One pass over the hosts, in as many executions as it takes. */
async function playRound(
  run: Run,
  input: AnsibleInput,
  round: number,
  progress: CarriedRound | undefined,
): Promise<RoundResult> {
  const { executionId } = run.ref;
  const ledgerId = round === 1 ? executionId : `${executionId}#${round}`;
  const attempts = input.retry.only === 'all' ? 1 : input.retry.attempts;
  const end = await new Round({
    run,
    input,
    ledgerId,
    attempts,
    ...(progress === undefined ? {} : { carried: progress }),
  }).play();
  if (end.kind === 'played') return end.result;
  // The input as it is now: a run that was taken up is not taken up a second time.
  return continueRun(run, () => {
    const carried: Carried = { run: run.carry(), round, progress: end.carried };
    return [input, carried];
  });
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

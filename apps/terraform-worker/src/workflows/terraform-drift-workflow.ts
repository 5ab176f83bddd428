import {
  parseOrThrow,
  TASK_QUEUES,
  TERRAFORM_DRIFT_UPDATES,
  terraformDriftInputSchema,
  type DriftAcknowledgement,
  type IntegrationActivities,
  type TerraformDriftInput,
  type TerraformDriftResult,
  type UpdateReply,
} from '@switchyard/contracts';
import {
  activities,
  failureOf,
  pinSource,
  runTerraform,
  runWorkflow,
  sourceSteps,
  type Run,
} from '@switchyard/workflow-kit';
import { CancellationScope, defineUpdate, isCancellation, setHandler, workflowInfo } from '@temporalio/workflow';
import type { FoundDrift } from '../activities/check-drift.js';
import { PUSH_STATE } from './save-state.js';
import { sourceOf, stackName, timeForSource } from './stack-source.js';
import type { TerraformActivities } from './terraform-activities.js';

const MARGIN_MS = 10 * 60_000;

/**
 * Looks whether a stack is as its state says, tells people of drift that was not there before, and applies the stack
 * where a policy says so. Made to be started by a schedule, again and again.
 */
export async function TerraformDriftWorkflow(given: unknown): Promise<TerraformDriftResult> {
  return runWorkflow({
    kind: 'terraform-drift',
    schema: terraformDriftInputSchema,
    given,
    what: 'TerraformDriftWorkflow input',
    describe: (input) => ({
      title: `Drift of ${stackName(input.stack)}${input.workspace === 'default' ? '' : ` (${input.workspace})`}`,
      target: stackName(input.stack),
      steps: [
        ...sourceSteps(input.stack),
        { id: 'check', title: 'Check' },
        ...(input.notify ? [{ id: 'notify', title: 'Notification' }] : []),
        ...(input.remediate === 'never' ? [] : [{ id: 'remediate', title: 'Apply' }]),
      ],
    }),
    body: (run, input) => new DriftRun(run, input).live(),
  });
}

class DriftRun {
  readonly #run: Run;
  #input: TerraformDriftInput;
  readonly #remediation = new CancellationScope();
  #found: FoundDrift | undefined;
  #acknowledged: DriftAcknowledgement | undefined;

  constructor(run: Run, input: TerraformDriftInput) {
    this.#run = run;
    this.#input = input;
    this.#answerAcknowledge();
  }

  async live(): Promise<TerraformDriftResult> {
    const run = this.#run;
    // A remediation applies the commit that was compared.
    this.#input = { ...this.#input, stack: await pinSource(run, this.#input.stack) };
    run.phase('check');
    const { timeout, lockTimeout, stack } = this.#input;
    const { checkDrift } = activities<Pick<TerraformActivities, 'checkDrift'>>({
      // init, workspace, plan and show, each with the time-out of the input.
      startToClose: 4 * timeout + 2 * lockTimeout + MARGIN_MS + timeForSource(stack),
      attempts: 3,
    });
    const found = await run.inStep('check', () => checkDrift({ ref: run.ref, input: this.#input }));
    run.step('check').done(found.shown[0]);
    this.#found = found;
    await this.#notify(found);
    const remediation = await this.#remediate(found);
    const acknowledged = this.#acknowledged ?? found.acknowledged;
    return {
      runId: run.ref.runId,
      drift: found.digest === null ? 'none' : acknowledged ? 'acknowledged' : found.isNew ? 'new' : 'known',
      subject: found.subject,
      driftDigest: found.digest,
      drifted: [...found.drifted],
      driftedCount: found.driftedCount ?? found.drifted.length,
      driftedList: found.driftedList ?? null,
      acknowledged: found.digest === null ? null : acknowledged,
      remediation,
      durationMs: run.elapsedMs(),
      ...sourceOf(this.#input.stack),
    };
  }

  /** Tells people of what is new to them. Not being able to is a warning, whatever the reason. */
  async #notify({ isNew, acknowledged, digest, drifted, driftedCount, shown }: FoundDrift): Promise<void> {
    const { notify: target, stack, workspace } = this.#input;
    if (!target) return;
    const run = this.#run;
    const step = run.step('notify');
    if (!isNew || acknowledged) return step.skipped(digest === null ? 'nothing to tell' : 'known already');
    step.start();
    const { notify } = activities<Pick<IntegrationActivities, 'notify'>>({
      taskQueue: TASK_QUEUES.integration,
      startToClose: 30_000,
      heartbeat: false,
      attempts: 3,
      // Nobody may be there to notify: then it is a warning, not a reason to wait.
      scheduleToStart: 15_000,
      scheduleToClose: 60_000,
    });
    let warning: string | null;
    try {
      const sent = await notify({
        run: run.ref,
        step: 'notify',
        effect: 'drift',
        input: {
          url: target.url,
          headers: target.headers,
          text: `${run.board.status.title}: ${shown[0] ?? ''}`,
          fields: {
            runId: run.ref.runId,
            stack: stackName(stack),
            workspace,
            digest,
            drifted: drifted.slice(0, 20),
            driftedCount: driftedCount ?? drifted.length,
          },
        },
      });
      warning = sent.delivered ? null : (sent.warning ?? 'nobody took it');
    } catch (error) {
      if (isCancellation(error)) throw error;
      warning = failureOf(error).message;
    }
    if (warning === null) return step.done();
    step.failed(warning);
    run.warn(`the notification was not delivered: ${warning}`);
  }

  /** Applies the stack as a run of its own, which plans, keeps the policies and asks people. */
  async #remediate(found: FoundDrift): Promise<TerraformDriftResult['remediation']> {
    const { remediate, notify: _, approval, ...stack } = this.#input;
    if (remediate === 'never') return null;
    const run = this.#run;
    const step = run.step('remediate');
    if (found.digest === null || found.acknowledged) {
      step.skipped(found.acknowledged ? `acknowledged by ${found.acknowledged.by}` : 'nothing has drifted');
      return null;
    }
    run.phase('remediate');
    step.start();
    const asked = remediate === 'approval' ? { approval: approval ?? { required: 1 } } : {};
    try {
      const {
        runId: _run,
        planDigest,
        applied,
      } = await this.#remediation.run(() =>
        runTerraform(
          { ...stack, ...asked, action: 'apply' },
          {
            workflowId: `${workflowInfo().workflowId}/remediate`,
            under: { run, step: 'remediate' },
            summary: 'remediate',
          },
        ),
      );
      step.done(applied ? 'applied' : 'nothing to apply');
      return { runId: `${workflowInfo().workflowId}/remediate`, planDigest, applied };
    } catch (error) {
      if (this.#acknowledged && isCancellation(error)) {
        step.skipped(`acknowledged by ${this.#acknowledged.by}`);
        return null;
      }
      step.failed(failureOf(error).message);
      throw error;
    }
  }

  #answerAcknowledge(): void {
    const read = (given: unknown) => parseOrThrow(TERRAFORM_DRIFT_UPDATES.acknowledge, given, 'update acknowledge');
    const { acknowledgeDrift } = activities<Pick<TerraformActivities, 'acknowledgeDrift'>>({
      startToClose: 10_000,
      heartbeat: false,
      attempts: Infinity,
    });
    setHandler(
      defineUpdate<UpdateReply, [unknown]>('acknowledge'),
      async (given) => {
        const { digest, for: ms, reason, by } = read(given);
        const until = new Date(Date.now() + ms).toISOString();
        const { subject } = this.#found ?? { subject: '' };
        const ref = this.#run.ref;
        // Kept also when the run is told to end meanwhile.
        this.#acknowledged = await CancellationScope.nonCancellable(() =>
          acknowledgeDrift({ ref, id: `${ref.executionId}/acknowledge`, subject, digest, until, reason, by }),
        );
        this.#remediation.cancel();
        return { accepted: true, message: `the drift is acknowledged until ${until}` };
      },
      { validator: (given) => this.#refuse(read(given).digest) },
    );
  }

  #refuse(digest: string): void {
    const found = this.#found;
    if (!found || found.digest === null) throw new Error('no drift was found');
    if (found.digest !== digest) throw new Error(`the drift that was found is ${found.digest}, not ${digest}`);
    if (this.#acknowledged) throw new Error(`${this.#acknowledged.by} has already acknowledged it`);
    const { waitingFor } = this.#run.status;
    // At the gate of an unsaved state the apply is over, and its end would leave the state unsaved.
    if (waitingFor?.kind !== 'approval' || waitingFor.name.endsWith(`/${PUSH_STATE}`))
      throw new Error('the stack is being applied already');
  }
}

import {
  approvalPolicySchema,
  parseOrThrow,
  type CmdbResult,
  type HealthResult,
  type IntegrationCall,
  type StepKind,
  type TerraformResult,
  type VmResult,
  type VmwareDeployInput,
  type VmwareDeployResult,
} from '@switchyard/contracts';
import { evaluate, KIND_SCHEMAS, type Scope } from '@switchyard/runbook';
import { digestOf, executeRun, failureOf, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { healthCalls, shortCalls, vmCalls } from './calls.js';

/** Time of one request of a notification, in milliseconds. */
const NOTIFY_MS = 10_000;

/** One deployment: its steps, and what has come of them so far. */
export class Deployment {
  readonly #run: Run;
  readonly #input: VmwareDeployInput;
  readonly #warnings: string[] = [];
  #decision: VmwareDeployResult['decision'] = null;
  #terraform: TerraformResult | null = null;
  #vm: VmResult | null = null;
  #cmdb: CmdbResult | null = null;
  #health: HealthResult | null = null;
  #notified = false;

  constructor(run: Run, input: VmwareDeployInput) {
    this.#run = run;
    this.#input = input;
  }

  result(): VmwareDeployResult {
    return {
      runId: this.#run.ref.runId,
      decision: this.#decision,
      terraform: this.#terraform,
      vm: this.#vm,
      cmdb: this.#cmdb,
      health: this.#health,
      notified: this.#notified,
      warnings: [...this.#warnings],
      durationMs: this.#run.elapsedMs(),
    };
  }

  /** Asks the monitoring whether to go on. Where its conditions do not hold the run ends, or a person is asked. */
  async decide(): Promise<void> {
    const { decision } = this.#input;
    if (!decision) return;
    const { otherwise, ...asked } = decision;
    this.#run.phase('decision');
    await this.#run.inStep('decision', async () => {
      const input = parseOrThrow(KIND_SCHEMAS.health, asked, 'decision');
      try {
        const { values } = await healthCalls(input).checkHealth(this.#call('decision', input));
        this.#decision = { held: true, values };
      } catch (error) {
        const { code, message, details } = failureOf(error);
        if (isCancellation(error) || code !== 'GateFailed') throw error;
        this.#decision = { held: false, values: {} };
        if (otherwise === 'fail') throw error;
        await this.#run.approval({
          gate: 'decision',
          title: `The monitoring says no to ${this.#run.board.status.title}. Go on all the same?`,
          policy: this.#input.approval ?? approvalPolicySchema.parse({}),
          evidence: digestOf({ input: this.#input, details }),
          shown: [message],
          step: 'decision',
        });
      }
    });
  }

  /** Who must agree to a machine; Terraform asks by itself, with its plan. */
  async approve(): Promise<void> {
    const { approval: policy, vm } = this.#input;
    if (!policy || !vm) return;
    this.#run.phase('approval');
    const shown = Object.entries(vm).map(([field, value]) => `${field}: ${JSON.stringify(value)}`);
    await this.#run.inStep('approval', () =>
      this.#run.approval({
        gate: 'approval',
        title: this.#run.board.status.title,
        policy,
        evidence: digestOf(vm),
        shown,
        step: 'approval',
      }),
    );
  }

  async provision(): Promise<void> {
    const { terraformDir } = this.#input;
    this.#run.phase('provision');
    await this.#run.inStep('provision', async () => {
      if (terraformDir === undefined) await this.#makeVm();
      else await this.#applyStack(terraformDir);
    });
  }

  /** A CMDB that cannot be written to is a warning: the machine is there, whatever the CMDB knows of it. */
  async record(): Promise<void> {
    const { cmdb } = this.#input;
    if (!cmdb) return;
    this.#run.phase('cmdb');
    await this.#orWarn('cmdb', 'the CMDB was not updated', async () => {
      const input = parseOrThrow(KIND_SCHEMAS.cmdb, this.#resolved('cmdb', cmdb), 'cmdb');
      this.#cmdb = await shortCalls(input.timeout).askCmdb(this.#call('cmdb', input));
    });
  }

  async monitor(): Promise<void> {
    const { monitoring } = this.#input;
    if (!monitoring) return;
    this.#run.phase('monitoring');
    await this.#run.inStep('monitoring', async () => {
      const input = parseOrThrow(KIND_SCHEMAS.health, this.#resolved('monitoring', monitoring), 'monitoring');
      this.#health = await healthCalls(input).checkHealth(this.#call('monitoring', input));
    });
  }

  /** Tells people how the run ended, also of one that was cancelled. Not being able to is a warning. */
  async tell(text: string): Promise<void> {
    const { notify } = this.#input;
    if (!notify) return;
    await CancellationScope.nonCancellable(() =>
      this.#orWarn('notify', 'the notification was not delivered', async () => {
        const given = this.#resolved('notify', { text, ...notify });
        const input = parseOrThrow(KIND_SCHEMAS.notify, given, 'notify');
        const { delivered } = await shortCalls(NOTIFY_MS).notify(this.#call('notify', input));
        this.#notified = delivered;
      }),
    );
  }

  async #makeVm(): Promise<void> {
    const input = parseOrThrow(KIND_SCHEMAS.vm, this.#resolved('vm', this.#input.vm), 'vm');
    this.#vm = await vmCalls(input).manageVm(this.#call('provision', input));
  }

  async #applyStack(path: string): Promise<void> {
    const { workspace, vars, varFiles, engine, approval } = this.#input;
    const given = { workspace, vars, varFiles, engine, approval };
    this.#terraform = await executeRun(
      'TerraformWorkflow',
      {
        stack: { path },
        action: 'apply',
        ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      },
      {
        workflowId: `${this.#run.ref.workflowId}/provision`,
        under: { run: this.#run, step: 'provision' },
        summary: 'provision',
      },
    );
  }

  async #orWarn(step: StepKind, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.#run.inStep(step, work);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const warning = `${what}: ${failureOf(error).message}`;
      this.#warnings.push(warning);
      this.#run.warn(warning);
    }
  }

  /** The input of a step with what was provisioned in the place of its expressions. */
  #resolved(field: string, given: unknown): unknown {
    const result = this.#terraform ?? this.#vm;
    const scope: Scope = {
      inputs: {},
      steps: result ? { provision: { outcome: 'successful', result, error: null } } : {},
      run: { id: this.#run.ref.runId },
    };
    return evaluate(given, scope, field);
  }

  #call<I>(step: string, input: I): IntegrationCall<I> {
    const { ref } = this.#run;
    return { run: ref, step, effect: `${ref.executionId}/${ref.workflowId}/${step}`, input };
  }
}

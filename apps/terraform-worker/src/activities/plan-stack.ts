import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type PlanChanges, type RunRef, type TerraformInput, type TerraformResult } from '@switchyard/contracts';
import { changesOf, countChanges } from '../plan/changes.js';
import { encodeManifest, sha256, type PlanManifest } from '../plan/manifest.js';
import { applyTimeVariables } from '../plan/plan-document.js';
import { judgePlan, NOTHING_SAID, refuseViolations, type PolicyReport, type PolicyResult } from '../plan/policies.js';
import { summariseChanges } from '../plan/summary.js';
import { openRegoPolicies, type RegoPolicies } from '../rego/rego-policies.js';
import { OPA_LIMITS } from '../rego/run-opa.js';
import { hasState } from '../stack/state-document.js';
import { openWorkDirectory } from '../stack/work-directory.js';
import { makePlan, makeReady, type MadePlan, type ReadyStack } from './commands.js';
import type { Attempt, TerraformDeps } from './deps.js';
import { endLeftovers } from './end-leftovers.js';
import { keepOutputs } from './outputs.js';
import { releaseStack } from './release-stack.js';
import { openSession, type Session } from './session.js';

/** Input of the activity `planStack`. */
export interface PlanStackInput {
  readonly ref: RunRef;
  readonly input: TerraformInput;
}

/** What a plan is, without any value that is secret: it travels through workflow history. */
export interface PlannedStack {
  readonly planDigest: string;
  readonly changes: PlanChanges;
  /** Whether there is anything to apply, be it only a changed output. */
  readonly applyable: boolean;
  /** What people are shown before they approve. */
  readonly shown: readonly string[];
  /** Outputs as the state has them before the plan is applied. */
  readonly outputs: TerraformResult['outputs'];
  /** Serial of the state that the plan was made from; null when there is none yet. */
  readonly stateSerial: number | null;
  /** The rules that the plan keeps. Absent in runs that an earlier release planned. */
  readonly policies?: readonly PolicyResult[];
}

/**
 * init, plan, show: all on one disk. Keeps plan, lock file and manifest as encrypted artifacts, so that any worker can
 * apply exactly this plan. When nothing is going to be applied it gives the lock back and cleans up itself.
 * @throws PolicyDenied when the plan breaks a rule of the input or the worker; its events and artifacts are kept to be looked at
 */
export async function planStack(
  deps: TerraformDeps,
  { ref, input }: PlanStackInput,
  attempt: Attempt,
): Promise<PlannedStack> {
  if (attempt.number > 1) await endLeftovers(ref.executionId, attempt.signal);
  let isKept = false;
  let session: Session | undefined;
  const { scratch } = await openWorkDirectory(deps.workDir, ref.executionId);
  try {
    // Before the lock is taken: what is wrong with a policy is known without a plan.
    const rego = await openRegoPolicies({ ...regoOptionsOf(deps, { ref, input }, attempt), scratch });
    session = await openSession(deps, { ref, input, step: 'plan', attempt });
    const ready = await makeReady(session, false);
    const plan = await makePlan(session, ready);
    const planned = await keep(deps, session, { ready, plan, rego });
    isKept = planned.applyable && input.action !== 'plan';
    return planned;
  } finally {
    await Promise.all([session?.close(), rm(scratch, { recursive: true, force: true })]);
    await Promise.all([deps.events.flush(), ...(isKept ? [] : [releaseStack(deps, { ref })])]);
  }
}

const regoOptionsOf = (deps: TerraformDeps, { ref, input }: PlanStackInput, { number, signal }: Attempt) => ({
  policies: input.policies,
  roots: deps.roots,
  workerPolicies: deps.workerPolicies,
  findOpa: deps.findOpa,
  opa: {
    marker: `${ref.executionId}/${ref.workflowId}/policies-${number}`,
    signal,
    limits: OPA_LIMITS,
    ...(deps.reaper === undefined ? {} : { reaper: deps.reaper }),
  },
});

interface Made {
  readonly ready: ReadyStack;
  readonly plan: MadePlan;
  readonly rego: RegoPolicies;
}

/** Judges a plan by all of its rules. A plan without changes has nothing that a policy could be asked about. */
async function judge({ input, mask }: Session, { plan, rego }: Made): Promise<PolicyReport> {
  const builtIn = judgePlan(input.policies, plan.document?.resource_changes ?? []);
  const asked = plan.json === null ? NOTHING_SAID : await rego.judge(plan.json, mask);
  return {
    results: [...builtIn.results, ...asked.results],
    violations: [...builtIn.violations, ...asked.violations],
    warnings: asked.warnings,
  };
}

async function keep(deps: TerraformDeps, session: Session, made: Made): Promise<PlannedStack> {
  const { ref, input, stack, mask } = session;
  const { ready, plan, rego } = made;
  const report = await judge(session, made);
  const resources = plan.document ? changesOf(plan.document.resource_changes) : [];
  const lockFile = await readFile(path.join(stack.directory, '.terraform.lock.hcl')).catch(() => undefined);
  const manifest: PlanManifest = {
    version: 1,
    stack: stack.identity,
    workspace: input.workspace,
    action: input.action,
    engine: session.tool.engine.name,
    engineVersion: plan.version ?? ready.version ?? 'unknown',
    backend: ready.backend.type,
    plan: plan.hasChanges ? sha256(plan.bytes) : null,
    lockFile: lockFile === undefined ? null : sha256(lockFile),
    configuration: ready.configuration,
    state: { lineage: plan.state.lineage, serial: plan.state.serial },
    changes: countChanges(resources),
    resources: resources.map((change) => ({ ...change })),
    applyTimeVariables: plan.document ? applyTimeVariables(plan.document) : [],
    ...(report.results.length > 0 ? { policies: report.results.map((result) => ({ ...result })) } : {}),
    ...(rego.sets.length > 0
      ? { rego: rego.sets.map((set) => ({ ...set, files: set.files.map((file) => ({ ...file })) })) }
      : {}),
  };
  const bytes = encodeManifest(manifest);
  const put = (name: string, contentType: string, content: Uint8Array): Promise<{ digest: string }> =>
    deps.artifacts.put({ runId: ref.runId, kind: 'terraform-plan', name, contentType, content });
  const [{ digest: planDigest }, outputs] = await Promise.all([
    put('manifest.json', 'application/json', bytes),
    keepOutputs({ state: plan.state, ref, mask, artifacts: deps.artifacts }),
    plan.hasChanges ? put('plan.tfplan', 'application/octet-stream', plan.bytes) : undefined,
    plan.hasChanges && lockFile ? put('.terraform.lock.hcl', 'text/plain', lockFile) : undefined,
  ]);
  const shown = plan.document ? summariseChanges(plan.document).map((line) => mask.mask(line)) : ['Plan: no changes'];
  await session.tell({
    type: 'plan_made',
    message: shown[0] ?? 'Plan: no changes',
    data: { planDigest, changes: manifest.changes, shown: shown.slice(1), stateSerial: plan.state.serial },
  });
  for (const { message, policy } of report.warnings) {
    await session.tell({ type: 'policy_warned', level: 'warning', message, data: { rule: 'rego', policy } });
  }
  for (const { rule, address, message, policy } of report.violations) {
    const data = { rule, address, ...(policy === undefined ? {} : { policy }) };
    await session.tell({ type: 'policy_violated', level: 'error', message, data });
  }
  refuseViolations(input.stack.path, report);
  return {
    planDigest,
    changes: manifest.changes,
    applyable: plan.hasChanges && (plan.document?.applyable ?? true) && !plan.document?.errored,
    shown,
    outputs,
    stateSerial: hasState(plan.state) ? plan.state.serial : null,
    policies: report.results,
  };
}

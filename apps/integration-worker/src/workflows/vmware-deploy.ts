import { vmwareDeployInputSchema, type VmwareDeployInput, type VmwareDeployResult } from '@switchyard/contracts';
import { fail, failureOf, runWorkflow, type Run } from '@switchyard/workflow-kit';
import { isCancellation } from '@temporalio/workflow';
import { Deployment } from './deployment.js';
import { checkPlanned, plannedSteps } from './planned-steps.js';

/**
 * Deploys to VMware: decision by the monitoring, provisioning with Terraform or vCenter, CMDB, monitoring,
 * notification, with pause points between the steps. The CMDB and the notification can only warn.
 */
export async function VmwareDeployWorkflow(given: unknown): Promise<VmwareDeployResult> {
  return runWorkflow({
    kind: 'vmware-deploy',
    schema: vmwareDeployInputSchema,
    given,
    what: 'VmwareDeployWorkflow input',
    check: checkPlanned,
    describe: (input) => ({ title: titleOf(input), target: targetOf(input), steps: plannedSteps(input) }),
    body: deploy,
  });
}

function targetOf({ terraformDir, vm }: VmwareDeployInput): string {
  const name = vm?.['name'];
  return terraformDir ?? (typeof name === 'string' ? name : 'a machine');
}

const titleOf = (input: VmwareDeployInput): string => `Deploy ${targetOf(input)} to VMware`;

async function deploy(run: Run, input: VmwareDeployInput): Promise<VmwareDeployResult> {
  const deployment = new Deployment(run, input);
  try {
    await deployment.decide();
    await run.checkpoint();
    await deployment.approve();
    await run.checkpoint();
    await deployment.provision();
    await run.checkpoint();
    await deployment.record();
    await run.checkpoint();
    await deployment.monitor();
  } catch (error) {
    const { code, message, details } = failureOf(error);
    await deployment.tell(`${titleOf(input)} failed: ${message}`);
    if (isCancellation(error)) throw error;
    const own = typeof details === 'object' && details !== null ? details : {};
    throw fail(code, message, { ...own, ...deployment.result() });
  }
  await deployment.tell(`${titleOf(input)} finished`);
  return deployment.result();
}

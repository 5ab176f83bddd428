import { CodedError, formatProblems, runbookSchema, type VmwareDeployInput } from '@switchyard/contracts';
import { checkRunbook } from '@switchyard/runbook';

/** The steps that a deployment has, in their order. */
export function plannedSteps(input: VmwareDeployInput): { id: string; title: string }[] {
  const { decision, terraformDir, vm, approval, cmdb, monitoring, notify } = input;
  return [
    ...(decision ? [{ id: 'decision', title: 'Ask the monitoring whether to go on' }] : []),
    ...(vm && approval ? [{ id: 'approval', title: 'Approval' }] : []),
    { id: 'provision', title: terraformDir === undefined ? 'Make the machine' : `Apply ${terraformDir}` },
    ...(cmdb ? [{ id: 'cmdb', title: 'Record in the CMDB' }] : []),
    ...(monitoring ? [{ id: 'monitoring', title: 'Health by the monitoring' }] : []),
    ...(notify ? [{ id: 'notify', title: 'Notification' }] : []),
  ];
}

/**
 * Refuses steps that cannot run before anything is changed: their inputs and expressions are checked as those of a
 * runbook with the same steps.
 */
export function checkPlanned({ terraformDir, vm, cmdb, monitoring, notify }: VmwareDeployInput): void {
  const needs = ['provision'];
  const steps = [
    terraformDir === undefined
      ? { id: 'provision', uses: 'vm', with: vm }
      : { id: 'provision', uses: 'terraform', with: { stack: { path: terraformDir } } },
    ...(cmdb ? [{ id: 'cmdb', uses: 'cmdb', needs, with: cmdb }] : []),
    ...(monitoring ? [{ id: 'monitoring', uses: 'health', needs, with: monitoring }] : []),
    ...(notify ? [{ id: 'notify', uses: 'notify', needs, with: { text: 'x', ...notify } }] : []),
  ];
  const runbook = runbookSchema.parse({
    apiVersion: 'switchyard.dev/v1',
    kind: 'Runbook',
    metadata: { name: 'vmware-deploy' },
    steps,
  });
  const problems = checkRunbook(runbook).filter(({ level }) => level === 'error');
  if (problems.length === 0) return;
  // As the caller wrote it: the steps are ours, their inputs are the caller's.
  const own = problems.map((problem) => {
    const [, index, , ...rest] = problem.keys;
    const id = typeof index === 'number' ? steps[index]?.id : undefined;
    if (id === undefined) return problem;
    const field = id === 'provision' ? 'vm' : id;
    return { ...problem, path: [field, ...rest].join('.'), keys: [field, ...rest] };
  });
  throw new CodedError('InvalidInput', `VmwareDeployWorkflow input: ${formatProblems(own)}`, {
    details: { problems: own },
  });
}

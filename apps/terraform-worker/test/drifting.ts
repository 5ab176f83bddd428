import { randomUUID } from 'node:crypto';
import { TASK_QUEUES } from '@switchyard/contracts';
import type { StartedRun, World } from './world.js';

const SOURCE = 'variable "zone" {}\noutput "zone" { value = var.zone }';

/** The output follows another stack: what that one says now is not what this state says. */
const FOLLOWER = (source: string): string => `
data "terraform_remote_state" "source" {
  backend = "local"
  config  = { path = "../${source}/terraform.tfstate" }
}
resource "terraform_data" "x" {}
output "zone" { value = data.terraform_remote_state.source.outputs.zone }
`;

/** A stack that was applied, and a way to make it drift. */
export async function followingStack(
  world: World,
  name: string,
): Promise<{ stack: string; move: (zone: string) => Promise<unknown> }> {
  const source = await world.stack(`${name}-source`, { 'main.tf': SOURCE });
  const move = (zone: string): Promise<unknown> => world.run({ stack: { path: source }, vars: { zone } });
  await move('one');
  const stack = await world.stack(name, { 'main.tf': FOLLOWER(source) });
  await world.run({ stack: { path: stack } });
  return { stack, move };
}

/** Starts a look at the drift of a stack. */
export const startDrift = (world: World, input: Record<string, unknown>): Promise<StartedRun> =>
  world.client.workflow.start('TerraformDriftWorkflow', {
    taskQueue: TASK_QUEUES.terraform,
    workflowId: `drift-${randomUUID()}`,
    args: [input],
  });

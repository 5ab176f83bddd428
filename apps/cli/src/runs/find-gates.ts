import { runStatusSchema, STATUS_QUERY, type GateStatus, type RunStatus } from '@switchyard/contracts';
import type { Client } from '@temporalio/client';

/** An open gate and the workflow that holds it: the run itself, or one of its children. */
export interface OpenGate {
  readonly workflowId: string;
  readonly gate: GateStatus;
}

/** Asks one workflow for its status. */
export async function statusOf(client: Client, workflowId: string): Promise<RunStatus> {
  return runStatusSchema.parse(await client.workflow.getHandle(workflowId).query(STATUS_QUERY));
}

/** The open gates of a run and of the children that say they wait, outermost first. */
export async function openGates(client: Client, workflowId: string, depth = 5): Promise<OpenGate[]> {
  const status = await statusOf(client, workflowId);
  const own = status.gates.filter((gate) => gate.state === 'open').map((gate) => ({ workflowId, gate }));
  if (depth === 0) return own;
  const waiting = status.steps.flatMap((step) => step.children ?? []).filter((child) => child.waitingFor !== null);
  const deeper: OpenGate[] = [];
  // A child may have ended since its parent last heard of it: then it has no gate, and that is no error of ours.
  for (const child of waiting) deeper.push(...(await openGates(client, child.workflowId, depth - 1).catch(() => [])));
  return [...own, ...deeper];
}

/** Why no gate can be chosen, in words for the person who asked. */
export type GateChoice = { readonly chosen: OpenGate } | { readonly problem: string };

/** Picks the gate that a person means: by name, or the only one that is open. */
export function chooseGate(gates: readonly OpenGate[], name: string | undefined): GateChoice {
  const matching =
    name === undefined
      ? gates
      : gates.filter(({ gate, workflowId }) => gate.name === name || `${lastPart(workflowId)}/${gate.name}` === name);
  const [first, ...others] = matching;
  const list = gates.map(({ gate, workflowId }) => `${lastPart(workflowId)}/${gate.name}`).join(', ');
  if (!first) {
    return {
      problem:
        gates.length === 0
          ? 'no gate is open; `runs show` tells what the run waits for'
          : `gate "${name ?? ''}" is not open; open: ${list}`,
    };
  }
  if (others.length > 0) return { problem: `several gates are open; name one with --gate: ${list}` };
  return { chosen: first };
}

const lastPart = (workflowId: string): string => workflowId.split('/').at(-1) ?? workflowId;

import { rm } from 'node:fs/promises';
import { endProcesses, isRunning, waitUntilEnded } from '../processes/processes.js';
import { askSupervisor } from './control.js';
import { stackLayout } from './layout.js';
import { endLeftovers } from './leftovers.js';
import { readState } from './state.js';

/** What {@link down} found. */
export interface DownResult {
  /** Whether a stack ran. */
  readonly wasRunning: boolean;
  /** Processes of a crashed stack that had to be ended. */
  readonly leftovers: number;
}

/**
 * Stops the stack of a root: workers first, then the servers. After it nothing of the stack runs, also when its
 * supervisor had crashed. The data stay.
 */
export async function down(root: string): Promise<DownResult> {
  const layout = stackLayout(root);
  const state = await readState(layout);
  let wasRunning = false;
  if (state !== undefined && (await isRunning(state.supervisor))) {
    // A supervisor that hangs does not answer; then it is ended like everything else.
    wasRunning = await askSupervisor(state, 'POST /stop').then(
      () => true,
      () => false,
    );
    if (wasRunning) await waitUntilEnded([state.supervisor], 5_000);
    await endProcesses([state.supervisor], { graceMs: wasRunning ? 1_000 : 40_000 });
  }
  const leftovers = await endLeftovers(layout, state);
  await rm(layout.stateFile, { force: true });
  return { wasRunning, leftovers };
}

import { runStatusSchema, type GateStatus } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import type { Client } from '@temporalio/client';

/** Waits until a gate of a run is open: the one of the name, or any. Asks the run itself, which costs less than a command. */
export function openGate(client: Client, runId: string, name?: string): Promise<GateStatus> {
  return waitFor(
    async () => {
      const status = runStatusSchema.parse(await client.workflow.getHandle(runId).query('status'));
      return status.gates.find((gate) => gate.state === 'open' && (name === undefined || gate.name === name));
    },
    { timeoutMs: 120_000, intervalMs: 100, what: `an open gate ${name ?? ''} of ${runId}` },
  );
}

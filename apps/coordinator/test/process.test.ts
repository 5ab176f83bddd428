import { once } from 'node:events';
import { listDecisions, readEvents } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { openProcessWorld } from './process-world.js';

describe('the coordinator as a process', () => {
  it('goes on with a run when it was killed in the middle of it, and keeps events and decisions', async () => {
    await using world = await openProcessWorld();
    const { store } = world;
    const first = world.startWorker();
    const run = await world.start({
      steps: [
        { id: 'first', uses: 'wait', with: { for: 50 } },
        { id: 'gate', uses: 'approval', needs: ['first'], with: { title: 'go on?' } },
        { id: 'last', uses: 'wait', needs: ['gate'], with: { for: 50 } },
      ],
    });
    await waitFor(async () => ((await run.query<{ gates: unknown[] }>('status')).gates.length > 0 ? true : undefined), {
      timeoutMs: 30_000,
      what: 'the gate is open',
    });
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = world.startWorker();
    await run.signal('gate', { reason: 'fine' });
    expect(await run.result()).toMatchObject({ steps: { last: { outcome: 'successful' } } });
    const types = (await readEvents(store.db, { runId: run.workflowId, after: 0, limit: 100 })).map(
      (event) => event.type,
    );
    expect(types[0]).toBe('run_started');
    expect(types.at(-1)).toBe('run_finished');
    expect(types.filter((type) => type === 'step_done')).toHaveLength(3);
    const decisions = await listDecisions(store.db, { runId: run.workflowId });
    expect(decisions).toMatchObject([{ subject: 'gate', decision: 'approve', by: 'unauthenticated', reason: 'fine' }]);
    second.kill('SIGTERM');
    const [code] = (await once(second, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});

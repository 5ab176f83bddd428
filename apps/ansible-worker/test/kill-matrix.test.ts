import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hostsOf, latestExecution, listLocks } from '@switchyard/store';
import { leftovers, waitFor } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openWorld, play, processesOf, type WorkerProcess, type World } from './world.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;
const TARGETS = ['the tool', 'its process group', 'the worker'] as const;
/** A short grace: what a stopping worker does with a play that outlasts it is what is looked at. */
const GRACE = { SWITCHYARD_SHUTDOWN_GRACE: '100ms', SWITCHYARD_SHUTDOWN_FORCE: '30s' };

/** What the slow host does until it is killed; once `mended` exists, it is over at once. */
const SLOW_TASK = {
  'a play':
    '- raw: test {{ inventory_hostname }} = fast || test -e {{ playbook_dir }}/mended || (touch {{ playbook_dir }}/began; sleep 300)',
  'an async task': [
    '- command: sh -c "test -e {{ playbook_dir }}/mended || { touch {{ playbook_dir }}/began; sleep 300; }"',
    '  async: 400',
    '  poll: 1',
    '  when: inventory_hostname == "slow"',
  ].join('\n'),
} as const;
/** The one Python that is surely there: that of Ansible itself. */
const PYTHON = '  vars: { ansible_python_interpreter: "{{ ansible_playbook_python }}" }\n';

type Work = keyof typeof SLOW_TASK;

const cases = (Object.keys(SLOW_TASK) as Work[]).flatMap((work) =>
  SIGNALS.flatMap((signal) => TARGETS.map((target) => ({ work, signal, target }))),
);

let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker(GRACE);
  for (const [work, task] of Object.entries(SLOW_TASK)) {
    await world.file(
      `${work}.yml`,
      play(`- raw: echo {{ inventory_hostname }} >> {{ playbook_dir }}/ran.txt\n${task}`, 'all', PYTHON),
    );
  }
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const name of ['ran.txt', 'mended', 'began']) await rm(path.join(world.root, name), { force: true });
});

async function ledgerOf({ workflowId }: WorkflowHandle): Promise<Record<string, string>> {
  const execution = await latestExecution(world.store.db, { runId: workflowId });
  const rows = execution ? await hostsOf(world.store.db, { executionId: execution.executionId }) : [];
  return Object.fromEntries(rows.map(({ host, state }) => [host, state]));
}

/**
 * The ansible-playbook process of a run: the first that carries its marker. By its start and not by its pid, since pids
 * begin anew.
 */
async function toolOf(handle: WorkflowHandle): Promise<number> {
  const { raw } = await handle.describe();
  const found = await leftovers(`SWITCHYARD_RUN=${raw.workflowExecutionInfo?.firstRunId ?? ''}/`);
  const [tool] = found.toSorted((a, b) => Number(a.startedAt) - Number(b.startedAt));
  if (!tool) throw new Error('the run has no process');
  return tool.pid;
}

async function send(signal: NodeJS.Signals, target: (typeof TARGETS)[number], handle: WorkflowHandle): Promise<void> {
  if (target === 'the worker') {
    const { child } = worker;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    await waitFor(async () => (await processesOf(handle)) === 0, { what: 'no process of the dead worker' });
    worker = await world.startWorker(GRACE);
    return;
  }
  const tool = await toolOf(handle);
  process.kill(target === 'the tool' ? tool : -tool, signal);
}

test.each(cases)(
  'a $signal to $target in the middle of $work: the run ends well, and a finished host is not run again',
  async ({ work, signal, target }) => {
    const handle = await world.start({
      playbook: `${work}.yml`,
      inventory: { groups: { g: { hosts: { fast: null, slow: null } } } },
      retry: { attempts: 2, delay: '10ms' },
    });
    const isUnderWay = async (): Promise<boolean> =>
      (await ledgerOf(handle))['fast'] === 'ok' && (await readdir(world.root)).includes('began');
    await waitFor(isUnderWay, { what: 'the fast host to be finished, the slow one under way' });
    await writeFile(path.join(world.root, 'mended'), '');
    await send(signal, target, handle);

    expect(await handle.result()).toMatchObject({
      verdict: 'successful',
      hosts: { fast: { outcome: 'ok' }, slow: { outcome: 'ok' } },
    });
    expect(await ledgerOf(handle)).toEqual({ fast: 'ok', slow: 'ok' });
    expect((await world.read('ran.txt')).trim().split('\n').toSorted()).toEqual(['fast', 'slow', 'slow']);
    expect(await processesOf(handle)).toBe(0);
    expect(await listLocks(world.store.db)).toEqual([]);
    expect(await readdir(path.join(world.workDir, 'ansible'))).toEqual([]);
  },
);

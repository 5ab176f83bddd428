import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  exists,
  failureOf,
  openWorld,
  processesOf,
  toolOf,
  type StartedRun,
  type World,
  type WorkerProcess,
} from './world.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;
const TARGETS = ['the tool', 'its process group', 'the worker'] as const;
const PHASES = ['plan', 'apply'] as const;
/** A short grace: what a stopping worker does with a tool that outlasts it is what is looked at. */
const GRACE = { SWITCHYARD_SHUTDOWN_GRACE: '100ms', SWITCHYARD_SHUTDOWN_FORCE: '30s' };

const cases = PHASES.flatMap((phase) =>
  SIGNALS.flatMap((signal) => TARGETS.map((target) => ({ phase, signal, target }))),
);

/**
 * How the run may end. The loss of a worker or a killed tool is nobody's wish: the run goes on. An interrupt to the tool
 * is one: Terraform stops in order, saves its state, and the run fails with that; a new run goes on from there.
 */
function endingsOf({ phase, signal, target }: (typeof cases)[number]): readonly string[] {
  if (target === 'the worker' || signal === 'SIGKILL') return ['successful'];
  // The last read of the plan may be answered before the interrupt is looked at; then there is nothing left to stop.
  return phase === 'plan' ? ['successful', 'TerraformPlanFailed'] : ['TerraformApplyFailed'];
}

let world: World;
let worker: WorkerProcess;
/** Serves an empty state over HTTP, which a plan reads; it lets the first reader of each stack wait. */
let states: Server;
const waiting = new Map<string, ServerResponse>();
const released = new Set<string>();
const EMPTY_STATE = JSON.stringify({
  version: 4,
  terraform_version: '1.0.0',
  serial: 1,
  lineage: 'x',
  outputs: {},
  resources: [],
});

function release(stack: string): void {
  released.add(stack);
  waiting.get(stack)?.end(EMPTY_STATE);
}

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker(GRACE);
  states = createServer((request, response) => {
    const stack = (request.url ?? '').slice(1);
    if (released.has(stack)) response.end(EMPTY_STATE);
    else waiting.set(stack, response);
  });
  states.listen(0, '127.0.0.1');
  await once(states, 'listening');
});
afterAll(async () => {
  states.closeAllConnections();
  states.close();
  await world[Symbol.asyncDispose]();
});

const resource = (name: string, needs: string | undefined, command: string): string => `
resource "terraform_data" "${name}" {
  ${needs === undefined ? '' : `depends_on = [terraform_data.${needs}]`}
  provisioner "local-exec" { command = "${command}" }
}`;

/** Two resources that write their names when they are made; the second one hangs when it is made first. */
const RESOURCES = [
  resource('first', undefined, 'echo first >> made.txt'),
  resource('second', 'first', 'test -e began || { touch began; sleep 300; }; echo second >> made.txt'),
].join('\n');

const remoteState = (stack: string): string => `
data "terraform_remote_state" "other" {
  backend = "http"
  config = { address = "http://127.0.0.1:${(states.address() as AddressInfo).port}/${stack}" }
}`;

async function send(signal: NodeJS.Signals, target: (typeof TARGETS)[number], handle: StartedRun): Promise<void> {
  if (target === 'the worker') {
    worker.child.kill(signal);
    return;
  }
  const tool = await toolOf(handle);
  process.kill(target === 'the tool' ? tool : -tool, signal);
}

it.each(cases)(
  'a $signal to $target in the middle of $phase: nothing is made twice, and state and lock are right',
  async ({ phase, signal, target }) => {
    const name = `${phase}-${signal}-${target.replaceAll(' ', '-')}`.toLowerCase();
    const stack = await world.stack(name, {
      'main.tf': phase === 'plan' ? `${RESOURCES.replaceAll('sleep 300', 'true')}\n${remoteState(name)}` : RESOURCES,
    });
    const file = (of: string): string => path.join(world.root, stack, of);
    const handle = await world.start({ stack: { path: stack } });
    await waitFor(async () => (phase === 'plan' ? waiting.has(name) : exists(file('began'))), {
      what: `the ${phase} to be under way`,
    });
    const exited = once(worker.child, 'exit');
    await send(signal, target, handle);
    release(name);
    if (target === 'the worker') {
      await exited;
      await waitFor(async () => (await processesOf(handle)) === 0, { what: 'no process of the dead worker' });
      worker = await world.startWorker(GRACE);
    }

    const code = await handle.result().then(
      () => 'successful',
      async (error: unknown) => (await failureOf(Promise.reject(error))).code,
    );
    expect(endingsOf({ phase, signal, target })).toContain(code);
    expect(await processesOf(handle)).toBe(0);
    expect(await listLocks(world.store.db)).toEqual([]);
    if (code !== 'successful') expect((await world.run({ stack: { path: stack } })).applied).toBe(true);

    expect((await readFile(file('made.txt'), 'utf8')).trim().split('\n')).toEqual(['first', 'second']);
    const state = JSON.parse(await readFile(file('terraform.tfstate'), 'utf8')) as {
      resources: { mode: string; name: string; instances: { status?: string }[] }[];
    };
    const managed = state.resources.filter(({ mode }) => mode === 'managed');
    expect(managed.map(({ name: of, instances }) => [of, instances.map(({ status }) => status ?? 'whole')])).toEqual([
      ['first', ['whole']],
      ['second', ['whole']],
    ]);
    expect((await readdir(path.join(world.root, stack))).filter((of) => of.includes('.lock.info'))).toEqual([]);
    expect(await listLocks(world.store.db)).toEqual([]);
  },
);

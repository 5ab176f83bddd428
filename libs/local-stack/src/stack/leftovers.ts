import { setTimeout as sleep } from 'node:timers/promises';
import { endProcesses, isRunning, processesWithEnvironment, type ProcessIdentity } from '../processes/processes.js';
import { STACK_MARKER, type StackLayout } from './layout.js';
import type { StackState } from './state.js';

/** Options of {@link endMarked}. */
export interface EndMarkedOptions {
  /** Processes that are ended in their own way, later. */
  readonly except?: readonly ProcessIdentity[];
  /** Milliseconds in which they may end by themselves: a worker's reaper lets Terraform save its state. */
  readonly patienceMs: number;
}

/** Ends every process that carries the marker of the stack, however it lost its parent. Gives how many there were. */
export async function endMarked(layout: StackLayout, options: EndMarkedOptions): Promise<number> {
  const except = new Set(options.except?.map(({ pid }) => pid));
  const marked = async (): Promise<ProcessIdentity[]> => {
    const all = await processesWithEnvironment(`${STACK_MARKER}=${layout.id}`);
    return all.filter(({ pid }) => !except.has(pid));
  };
  const deadline = Date.now() + options.patienceMs;
  let found = await marked();
  const count = found.length;
  while (found.length > 0 && Date.now() < deadline) {
    await sleep(50);
    found = await marked();
  }
  // Each round may meet children that were started meanwhile.
  for (let round = 0; found.length > 0 && round < 5; round++) {
    await endProcesses(found, { graceMs: 5_000 });
    found = await marked();
  }
  return count;
}

/**
 * Ends what a crashed supervisor left: the processes that it wrote down, if they are still the same ones, and whatever
 * carries the marker. Workers end before the servers that they use.
 */
export async function endLeftovers(layout: StackLayout, state: StackState | undefined): Promise<number> {
  const written = state?.processes ?? [];
  const alive = await Promise.all(written.map((process) => isRunning(process)));
  const running = written.filter((_, index) => alive[index]);
  const servers = running.filter(({ name }) => name === 'temporal' || name === 'postgres');
  const workers = running.filter((process) => !servers.includes(process));
  await endProcesses(workers, { graceMs: 15_000 });
  const others = await endMarked(layout, { except: servers, patienceMs: 0 });
  await Promise.all(servers.map((server) => endProcesses([server], { signal: server.signal, graceMs: 10_000 })));
  return running.length + others + (await endMarked(layout, { patienceMs: 0 }));
}

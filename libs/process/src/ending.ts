import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from './errno.js';
import { findProcesses, parseStat, type ProcessInfo, type ProgramTree } from './process-table.js';

/** One step of ending a program: a signal, and how long it may take to have an effect. */
export interface EndingStage {
  readonly signal: NodeJS.Signals;
  /** Milliseconds until the next stage. */
  readonly graceMs: number;
  /** `leader`: the program alone (Terraform hands the interrupt on by itself); `group`: all of its process group. */
  readonly to: 'leader' | 'group';
}

/** How a program is ended: the stages in order, then SIGKILL to the group, then to whatever carries its marker. */
export interface EndingPlan {
  readonly signals: readonly EndingStage[];
}

/** SIGINT to the group, ten seconds, SIGKILL. */
export const DEFAULT_ENDING: EndingPlan = { signals: [{ signal: 'SIGINT', graceMs: 10_000, to: 'group' }] };

/** A process that is left although everything was tried, or because the caller wanted it left. */
export interface Leftover {
  readonly pid: number;
  /** Name of the program, at most 15 characters. */
  readonly name: string;
}

/** What a process that a program left behind gets between SIGTERM and SIGKILL. */
export const SWEEP_GRACE_MS = 1_000;

const POLL_MS = 50;
/** How long a killed process may take to go: the kernel frees its memory first. */
const KILL_MS = 3_000;

/** Sends a signal; a process or group that is gone, or not ours, is no error: the next look at `/proc` tells. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** What {@link runStages} needs to know of a program. */
export interface StagedProgram {
  readonly send: (to: EndingStage['to'], signal: NodeJS.Signals) => Promise<void> | void;
  /** Whether the program ended within so many milliseconds. */
  readonly endsWithin: (ms: number) => Promise<boolean>;
}

/** Runs the stages of a plan until the program has ended, SIGKILL last. Returns whether it has. */
export async function runStages(plan: EndingPlan, program: StagedProgram): Promise<boolean> {
  for (const stage of plan.signals) {
    await program.send(stage.to, stage.signal);
    if (await program.endsWithin(stage.graceMs)) return true;
  }
  await program.send('group', 'SIGKILL');
  return program.endsWithin(KILL_MS);
}

/** Whether no process of the tree (that `counts`) is left within so many milliseconds. */
async function isEmptyWithin(
  tree: ProgramTree,
  ms: number,
  counts: (found: ProcessInfo) => boolean = () => true,
): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    if (!(await findProcesses(tree)).some(counts)) return true;
    if (performance.now() >= until) return false;
    await sleep(POLL_MS);
  }
}

/**
 * Ends what a program left behind: SIGTERM to each process, `graceMs`, then SIGKILL until none is found.
 * `isForced` looks a second time after nothing was found: a process is without a readable environment for a moment
 * while it starts another program.
 */
export async function sweep(tree: ProgramTree, graceMs: number, isForced: boolean): Promise<ProcessInfo[]> {
  let left = await findProcesses(tree);
  if (left.length === 0 && !isForced) return left;
  if (graceMs > 0) {
    for (const { pid } of left) sendSignal(pid, 'SIGTERM');
    await isEmptyWithin(tree, graceMs);
  }
  const until = performance.now() + KILL_MS;
  let emptyLooks = 0;
  for (;;) {
    left = await findProcesses(tree);
    emptyLooks = left.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === 2 || performance.now() >= until) return left;
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

/**
 * Signals these processes by group, so that members without the marker get it too. The caller's own group is spared:
 * a marked process that stayed in it is signalled alone.
 */
function signalGroups(processes: readonly ProcessInfo[], ownGroup: number, signal: NodeJS.Signals): void {
  const targets = processes.map(({ pid, group }) => (group > 1 && group !== ownGroup ? -group : pid));
  for (const target of new Set(targets)) sendSignal(target, signal);
}

async function ownProcessGroup(): Promise<number> {
  return parseStat(await readFile('/proc/self/stat', 'utf8'))?.group ?? 0;
}

/**
 * Ends every process that carries the marker, without being its parent: the stages of the plan, then SIGKILL, then
 * another look. The leader is the oldest marked process that leads its session; when it is gone, every stage goes to
 * all that is left. Returns what could not be ended.
 */
export async function endMarked(marker: string, plan: EndingPlan = DEFAULT_ENDING): Promise<Leftover[]> {
  const tree = { marker };
  const atFirst = await findProcesses(tree);
  if (atFirst.length > 0) {
    const ownGroup = await ownProcessGroup();
    const leader = atFirst.find(({ pid, session }) => pid === session);
    const isLeader = (found: ProcessInfo): boolean => found.pid === leader?.pid && found.startTime === leader.startTime;
    await runStages(plan, {
      async send(to, signal) {
        const processes = await findProcesses(tree);
        if (to === 'leader' && leader) {
          if (processes.some(isLeader)) sendSignal(leader.pid, signal);
        } else signalGroups(processes, ownGroup, signal);
      },
      endsWithin: (ms) => isEmptyWithin(tree, ms, leader ? isLeader : undefined),
    });
  }
  const left = await sweep(tree, SWEEP_GRACE_MS, true);
  return left.map(({ pid, name }) => ({ pid, name }));
}

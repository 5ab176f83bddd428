import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { isRunning } from '../processes/processes.js';
import type { StackLayout } from './layout.js';

/** States of a supervised process. `running`: it said that it is ready. */
export const PROCESS_STATES = ['starting', 'running', 'restarting', 'stopped'] as const;

const identitySchema = z.object({ pid: z.number(), startedAt: z.string() });

/** A supervised process as the supervisor sees it. */
const processStateSchema = z.object({
  name: z.string(),
  pid: z.number().nullable(),
  state: z.enum(PROCESS_STATES),
  /** How often it was started again. */
  restarts: z.number(),
  /** How it ended the last time, if it did. */
  lastExit: z.string().nullable(),
  log: z.string(),
});

export type ProcessState = z.output<typeof processStateSchema>;

/** What the supervisor writes down: enough to find it, to talk to it, and to clean up after it. */
export const stackStateSchema = z.object({
  supervisor: identitySchema,
  control: z.object({ port: z.number(), token: z.string() }),
  phase: z.enum(['starting', 'running', 'failed']),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
  notices: z.array(z.string()),
  temporal: z.object({ address: z.string(), namespace: z.string(), uiUrl: z.string().nullable() }).nullable(),
  postgres: z.object({ host: z.string(), port: z.number() }).nullable(),
  /** Servers and workers, with how each is asked to end. */
  processes: z.array(identitySchema.extend({ name: z.string(), signal: z.enum(['SIGTERM', 'SIGINT']) })),
  /** The variables of the stack itself; what a caller's environment adds is not written down. */
  stackEnvironment: z.record(z.string(), z.string()),
  gateway: processStateSchema.extend({ url: z.string() }).nullable(),
  workers: z.array(processStateSchema.extend({ taskQueue: z.string() })),
});

export type StackState = z.output<typeof stackStateSchema>;

/** The written state; undefined when there is none or it cannot be read (then the marker still finds the processes). */
export async function readState(layout: StackLayout): Promise<StackState | undefined> {
  try {
    return stackStateSchema.parse(JSON.parse(await readFile(layout.stateFile, 'utf8')));
  } catch {
    return undefined;
  }
}

/** The state of a stack whose supervisor runs; undefined for a stopped or crashed one. */
export async function readLiveState(layout: StackLayout): Promise<StackState | undefined> {
  const state = await readState(layout);
  return state !== undefined && (await isRunning(state.supervisor)) ? state : undefined;
}

/** Replaces the state in one step. It holds the control token, so only its user may read it. */
export async function writeState(layout: StackLayout, state: StackState): Promise<void> {
  const part = `${layout.stateFile}.${process.pid}`;
  await writeFile(part, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(part, layout.stateFile);
}

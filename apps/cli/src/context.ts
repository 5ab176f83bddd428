import { resolve } from 'node:path';
import type { Command } from 'commander';
import { identity } from './identity.js';
import { openTerminal, type Terminal } from './terminal.js';

/** Options of every command. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly as?: string;
}

/** What every command works with. */
export interface Context {
  readonly terminal: Terminal;
  /** The checkout: its `.switchyard` holds the local stack. */
  readonly root: string;
  /** Where the person called the command: relative paths count from here. */
  readonly cwd: string;
  /** Who gives the command. */
  readonly identity: string;
}

/** The context of a command, from its global options and the launcher's variables. */
export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<GlobalOptions>();
  return {
    terminal: openTerminal({ json: options.json ?? false }),
    root: resolve(process.env['SWITCHYARD_ROOT'] ?? process.cwd()),
    cwd: process.cwd(),
    identity: identity(options.as),
  };
}

/** Wraps the work of a command: its return value is the exit code of the process. */
export function action<A extends unknown[]>(work: (context: Context, ...args: A) => Promise<number>) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    // Commander gives arguments, options, command; the work wants the first two.
    process.exitCode = await work(contextOf(command), ...(given.slice(0, -1) as A));
  };
}

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runProgram } from '../processes/run-program.js';
import { cachePath, type CacheEntry } from './cache.js';
import type { SourceAnswer, ToolContext, ToolSource } from './tool.js';
import { atLeast, versionIn } from './version.js';

/** How a program is asked for its version, and which versions do. */
export interface VersionCheck {
  readonly args: readonly string[];
  /** Finds the version in what the program printed on both streams. Default: the first version number. */
  readonly parse?: (output: string) => string | undefined;
  readonly minimum?: string;
  /** Only this major version fits. */
  readonly major?: number;
  /** Added to the environment of the question. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Whether a path is a file that may be executed. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Asks an executable for its version and compares it with what is needed. `path` is what is answered when it fits. */
export async function checkVersion(
  context: ToolContext,
  executable: string,
  check: VersionCheck,
  path: string = executable,
): Promise<SourceAnswer> {
  if (!(await isExecutable(executable)))
    return { outcome: 'absent', detail: `${executable} is not an executable file` };
  const result = await runProgram(executable, check.args, { env: { ...context.env, ...check.env }, timeoutMs: 30_000 });
  const version = (check.parse ?? versionIn)(`${result.stdout}\n${result.stderr}`);
  if (!result.ok || version === undefined)
    return { outcome: 'unfit', detail: `${executable} does not run: ${result.how}` };
  if (check.minimum !== undefined && !atLeast(version, check.minimum)) {
    return { outcome: 'unfit', detail: `${executable} is ${version}; ${check.minimum} or later is needed` };
  }
  if (check.major !== undefined && Number.parseInt(version, 10) !== check.major) {
    return { outcome: 'unfit', detail: `${executable} is ${version}; major version ${check.major} is needed` };
  }
  return { path, version };
}

/** Where an executable of this name lies on the PATH. */
export async function onPath(context: ToolContext, name: string): Promise<string | undefined> {
  for (const directory of (context.env['PATH'] ?? '').split(delimiter)) {
    if (directory !== '' && (await isExecutable(join(directory, name)))) return join(directory, name);
  }
  return undefined;
}

/** A tool that is one executable. */
export interface ExecutableSources {
  /** Variable that names the executable. */
  readonly variable: string;
  readonly executable: string;
  readonly check: VersionCheck;
}

/** The source of an explicit path: whatever it names is taken or refused, and the reason is shown. */
export function fromVariable(context: ToolContext, options: ExecutableSources): ToolSource {
  return {
    name: options.variable,
    what: `the executable that ${options.variable} names`,
    fetches: false,
    find: async () => {
      const path = context.env[options.variable];
      return path ? checkVersion(context, path, options.check) : { outcome: 'absent', detail: 'is not set' };
    },
  };
}

/** The source of the PATH. */
export function fromPath(context: ToolContext, options: ExecutableSources): ToolSource {
  return {
    name: `PATH (${options.executable})`,
    what: `${options.executable} on the PATH`,
    fetches: false,
    find: async () => {
      const path = await onPath(context, options.executable);
      return path
        ? checkVersion(context, path, options.check)
        : { outcome: 'absent', detail: `no ${options.executable} on the PATH` };
    },
  };
}

/** The source of what was fetched before. `executable` is relative to the entry. */
export function fromCache(
  context: ToolContext,
  entry: CacheEntry,
  options: { readonly executable: string; readonly check: VersionCheck; readonly answer?: 'executable' | 'directory' },
): ToolSource {
  return {
    name: 'cache',
    what: cachePath(context, entry),
    fetches: false,
    find: async () => {
      const executable = join(cachePath(context, entry), options.executable);
      if (!(await isExecutable(executable)))
        return { outcome: 'absent', detail: `nothing in ${cachePath(context, entry)}` };
      const path = options.answer === 'directory' ? join(executable, '..') : executable;
      return checkVersion(context, executable, options.check, path);
    },
  };
}

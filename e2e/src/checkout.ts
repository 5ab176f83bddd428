import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** How one call of the command line ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line of a checkout: the built code of this repository, with examples, stack and data of its own. */
export interface CommandLine {
  readonly root: string;
  /** Where the command line is called: the root, or a folder in it. */
  readonly folder: string;
  /** Calls the command line as a person would. */
  cli(args: readonly string[], options?: { env?: Record<string, string>; timeoutMs?: number }): Promise<CliResult>;
  /** As `cli` with --json; the parsed document of its standard output. */
  json<T = Record<string, unknown>>(
    args: readonly string[],
    options?: { env?: Record<string, string>; timeoutMs?: number },
  ): Promise<{ code: number | null; value: T; stderr: string }>;
  /** Starts the command line and leaves it running. */
  start(args: readonly string[], env?: Record<string, string>): ChildProcess;
}

/** A checkout of one suite alone, called from its root. */
export interface Checkout extends CommandLine {
  /** Stops the stack of the checkout and removes it. */
  dispose(): Promise<void>;
}

/** Makes a checkout for one suite. */
export async function makeCheckout(): Promise<Checkout> {
  const root = await makeRoot();
  return { ...commandLineOf(root, root), dispose: () => removeRoot(root) };
}

/** Folders of a package that its test run writes while it runs: a copy of them would be a copy of what comes and goes. */
const PASSING = new Set(['node_modules', 'test-results']);

/** Makes the root of a checkout. Code is linked, since it is only read; examples are copied, since runs may not leave the root. */
export async function makeRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'switchyard-e2e-'));
  // The user of the PostgreSQL server has to enter it; else its data would go elsewhere and stay behind.
  await chmod(root, 0o755);
  for (const name of ['apps', 'libs', 'node_modules', 'package.json'])
    await symlink(join(repository, name), join(root, name));
  await cp(join(repository, 'examples'), join(root, 'examples'), {
    recursive: true,
    filter: (source) => !PASSING.has(basename(source)),
  });
  return root;
}

/** Stops the stack of a checkout, if it runs, and removes the checkout. */
export async function removeRoot(root: string): Promise<void> {
  await commandLineOf(root, root).cli(['down']);
  await rm(root, { recursive: true, force: true });
}

/** The command line of the checkout at a root, called from a folder in it. */
export function commandLineOf(root: string, folder: string): CommandLine {
  const entry = join(repository, 'apps', 'cli', 'dist', 'main.js');

  const start: CommandLine['start'] = (args, env = {}) =>
    spawn(process.execPath, [entry, ...args], {
      cwd: folder,
      env: { ...withoutSwitchyard(process.env), SWITCHYARD_ROOT: root, CI: 'true', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  const cli: CommandLine['cli'] = (args, { env, timeoutMs = 120_000 } = {}) =>
    new Promise((resolve, reject) => {
      const child = start(args, env);
      let stdout = '';
      let stderr = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
    });

  return {
    root,
    folder,
    cli,
    start,
    async json(args, options) {
      const { code, stdout, stderr } = await cli([...args, '--json'], options);
      const line = stdout.trim().split('\n').at(-1) ?? '';
      try {
        return { code, value: JSON.parse(line) as never, stderr };
      } catch {
        throw new Error(`switchyard ${args.join(' ')} printed no JSON (exit ${code}): ${stdout}\n${stderr}`);
      }
    },
  };
}

/** The caller's environment without settings of another stack. */
function withoutSwitchyard(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:SWITCHYARD_|DB_|TEMPORAL_)/.test(name)));
}

/** The text of a file of this repository. */
export const repositoryFile = (path: string): Promise<string> => readFile(join(repository, path), 'utf8');

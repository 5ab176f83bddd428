import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CodedError } from '@switchyard/contracts';
import { findExecutable } from '@switchyard/process';
import { z } from 'zod';
import { allowedEnvironment, defaultCallbackPlugins } from './environment.js';

const run = promisify(execFile);

/** The directory with `switchyard_events.py`, beside `dist` and `src`. */
export const PLUGIN_DIR = fileURLToPath(new URL('../../plugins', import.meta.url));

/** A configuration file that may say where callbacks lie; any other leaves them at their default. */
const MAY_MOVE_PLUGINS = /^\s*(?:callback_plugins|home)\s*[=:]/m;

const dumpSchema = z.array(z.looseObject({ name: z.string().optional(), value: z.unknown().optional() }));

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false;
}

/** The configuration file that Ansible would read for a project, in its order of search. */
export async function findConfigFile(project: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const explicit = env['ANSIBLE_CONFIG'];
  const candidates = [
    ...(explicit ? [path.resolve(project, explicit), path.resolve(project, explicit, 'ansible.cfg')] : []),
    path.join(project, 'ansible.cfg'),
    ...(env['HOME'] ? [path.join(env['HOME'], '.ansible.cfg')] : []),
    '/etc/ansible/ansible.cfg',
  ];
  for (const candidate of candidates) {
    // The first that exists counts.
    // oxlint-disable-next-line no-await-in-loop
    if (await isFile(candidate)) return candidate;
  }
  return undefined;
}

/**
 * The value of ANSIBLE_CALLBACK_PLUGINS that adds our plugin to the project's own callbacks. The variable replaces what
 * the project configured, so that has to be known: Ansible itself is asked (`ansible-config dump`, 0.4 s) only when a
 * configuration file speaks of it, and once per state of that file.
 */
export class CallbackPlugins {
  readonly #env: NodeJS.ProcessEnv;
  readonly #binDir: string | undefined;
  readonly #known = new Map<string, Promise<string>>();

  constructor(env: NodeJS.ProcessEnv, binDir?: string) {
    this.#env = env;
    this.#binDir = binDir;
  }

  async pathFor(project: string): Promise<string> {
    return `${PLUGIN_DIR}:${await this.#projectPath(project)}`;
  }

  async #projectPath(project: string): Promise<string> {
    // The environment wins over every file.
    const fromEnv = this.#env['ANSIBLE_CALLBACK_PLUGINS'];
    if (fromEnv) return fromEnv;
    const file = await findConfigFile(project, this.#env);
    const text = file === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
    if (file === undefined || !MAY_MOVE_PLUGINS.test(text)) return defaultCallbackPlugins(this.#env);
    const key = JSON.stringify([project, file, text]);
    const asked = this.#known.get(key) ?? this.#ask(project);
    this.#known.set(key, asked);
    try {
      return await asked;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  async #ask(project: string): Promise<string> {
    const program = await findExecutable('ansible-config', {
      env: this.#env,
      ...(this.#binDir === undefined ? {} : { explicit: this.#binDir }),
      variable: 'SWITCHYARD_ANSIBLE_BIN',
    });
    const env = { ...allowedEnvironment(this.#env), LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1' };
    const options = { cwd: project, env, timeout: 30_000, maxBuffer: 16 * 1024 * 1024 };
    try {
      const { stdout } = await run(program, ['dump', '--format', 'json'], options);
      const settings = dumpSchema.parse(JSON.parse(stdout));
      const value = settings.find(({ name }) => name === 'DEFAULT_CALLBACK_PLUGIN_PATH')?.value;
      return z.union([z.string(), z.array(z.string()).transform((list) => list.join(':'))]).parse(value);
    } catch (error) {
      throw new CodedError(
        'AnsiblePlaybookInvalid',
        `the Ansible configuration of ${project} cannot be read: ${String(error instanceof Error ? error.message : error).slice(0, 500)}`,
        { cause: error },
      );
    }
  }
}

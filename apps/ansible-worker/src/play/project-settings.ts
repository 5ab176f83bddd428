import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CodedError } from '@switchyard/contracts';
import { findExecutable } from '@switchyard/process';
import { z } from 'zod';
import { allowedEnvironment, ansibleHome } from './environment.js';

const run = promisify(execFile);

/** The directory with `switchyard_events.py`, beside `dist` and `src`. */
export const PLUGIN_DIR = fileURLToPath(new URL('../../plugins', import.meta.url));

/** A search path of Ansible that this worker adds to: its variable replaces what the project configured. */
interface SearchPath {
  /** Variables that win over every file. */
  readonly variables: readonly string[];
  /** Name in `ansible-config dump`. */
  readonly setting: string;
  /** A configuration file that may set it; any other leaves it at its default. */
  readonly mayMove: RegExp;
  readonly preset: (env: NodeJS.ProcessEnv) => string;
}

const SEARCH_PATHS = {
  callbacks: {
    variables: ['ANSIBLE_CALLBACK_PLUGINS'],
    setting: 'DEFAULT_CALLBACK_PLUGIN_PATH',
    mayMove: /^\s*(?:callback_plugins|home)\s*[=:]/m,
    preset: (env) => `${ansibleHome(env)}/plugins/callback:/usr/share/ansible/plugins/callback`,
  },
  collections: {
    variables: ['ANSIBLE_COLLECTIONS_PATH', 'ANSIBLE_COLLECTIONS_PATHS'],
    setting: 'COLLECTIONS_PATHS',
    mayMove: /^\s*(?:collections_paths?|home)\s*[=:]/m,
    preset: (env) => `${ansibleHome(env)}/collections:/usr/share/ansible/collections`,
  },
  roles: {
    variables: ['ANSIBLE_ROLES_PATH'],
    setting: 'DEFAULT_ROLES_PATH',
    mayMove: /^\s*(?:roles_path|home)\s*[=:]/m,
    preset: (env) => `${ansibleHome(env)}/roles:/usr/share/ansible/roles:/etc/ansible/roles`,
  },
} as const satisfies Record<string, SearchPath>;

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

type Dump = z.output<typeof dumpSchema>;

/**
 * Search paths as a project has them, so that ours can be added. Ansible itself is asked (`ansible-config dump`, 0.4 s)
 * only when a configuration file speaks of one that is needed, and once per state of that file.
 */
export class ProjectSettings {
  readonly #env: NodeJS.ProcessEnv;
  readonly #binDir: string | undefined;
  readonly #known = new Map<string, Promise<Dump>>();

  constructor(env: NodeJS.ProcessEnv, binDir?: string) {
    this.#env = env;
    this.#binDir = binDir;
  }

  /** The value of ANSIBLE_CALLBACK_PLUGINS that adds our plugin to the project's own callbacks. */
  async callbackPlugins(project: string): Promise<string> {
    return `${PLUGIN_DIR}:${await this.searchPath('callbacks', project)}`;
  }

  /** A search path as it is without us, separated by colons. */
  async searchPath(name: keyof typeof SEARCH_PATHS, project: string): Promise<string> {
    const { variables, setting, mayMove, preset }: SearchPath = SEARCH_PATHS[name];
    // The environment wins over every file.
    const fromEnv = variables.map((variable) => this.#env[variable]).find(Boolean);
    if (fromEnv) return fromEnv;
    const file = await findConfigFile(project, this.#env);
    const text = file === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
    if (file === undefined || !mayMove.test(text)) return preset(this.#env);
    const key = JSON.stringify([project, file, text]);
    const asked = this.#known.get(key) ?? this.#ask(project);
    this.#known.set(key, asked);
    try {
      const value = (await asked).find((one) => one.name === setting)?.value;
      return z.union([z.string(), z.array(z.string()).transform((list) => list.join(':'))]).parse(value);
    } catch (error) {
      this.#known.delete(key);
      throw unreadable(project, error);
    }
  }

  async #ask(project: string): Promise<Dump> {
    const program = await findExecutable('ansible-config', {
      env: this.#env,
      ...(this.#binDir === undefined ? {} : { explicit: this.#binDir }),
      variable: 'SWITCHYARD_ANSIBLE_BIN',
    });
    const env = { ...allowedEnvironment(this.#env), LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1' };
    const options = { cwd: project, env, timeout: 30_000, maxBuffer: 16 * 1024 * 1024 };
    const { stdout } = await run(program, ['dump', '--format', 'json'], options);
    return dumpSchema.parse(JSON.parse(stdout));
  }
}

function unreadable(project: string, error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const said = String(error instanceof Error ? error.message : error).slice(0, 500);
  return new CodedError('AnsiblePlaybookInvalid', `the Ansible configuration of ${project} cannot be read: ${said}`, {
    cause: error,
  });
}

import { homedir } from 'node:os';
import path from 'node:path';
import { baseEnvironment } from '@switchyard/process';

/** Names beside the base environment and ANSIBLE_* that connections and inventory plugins need. */
const PASSED_ON = ['SSH_AGENT_PID', 'KRB5CCNAME', 'KRB5_CONFIG', 'XDG_RUNTIME_DIR', 'REQUESTS_CA_BUNDLE'];

/** Variables of Ansible that this worker decides, whatever its own environment says. */
const OWN = ['ANSIBLE_CALLBACK_PLUGINS', 'ANSIBLE_FORCE_COLOR', 'ANSIBLE_INVENTORY', 'ANSIBLE_LOCAL_TEMP'];

/**
 * The three settings that turn silent success into an error: a host pattern that matches nothing, an inventory of which
 * nothing could be parsed, and one of which a part could not.
 */
export const STRICT_SETTINGS = {
  ANSIBLE_HOST_PATTERN_MISMATCH: 'error',
  ANSIBLE_INVENTORY_UNPARSED_FAILED: '1',
  ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
} as const;

/** What of the worker's environment Ansible may see: never DB_*, TEMPORAL_*, SWITCHYARD_* or VAULT_*. */
export function allowedEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const allowed = baseEnvironment(env);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (PASSED_ON.includes(name) || (name.startsWith('ANSIBLE_') && !OWN.includes(name))) allowed[name] = value;
  }
  return allowed;
}

/** The environment of one ansible-playbook process. */
export function playEnvironment(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly callbackPlugins: string;
  readonly workspace: string;
  /** Hosts from which on the plugin stops to be sliced; 0 = never. */
  readonly maxHosts: number;
  readonly hasInventory: boolean;
  /** Search paths with what the project requires; without it they are left as they are. */
  readonly searchPaths?: { readonly collections: string; readonly roles: string } | undefined;
  /** File with the hosts that may run, one a line; without it, all that the inventory and the limit give. */
  readonly hostsFile?: string;
}): Record<string, string> {
  const { env, callbackPlugins, workspace, maxHosts, hasInventory, searchPaths, hostsFile } = options;
  const { ANSIBLE_COLLECTIONS_PATHS: older, ...allowed } = allowedEnvironment(env);
  return {
    ...allowed,
    ...(older === undefined || searchPaths ? {} : { ANSIBLE_COLLECTIONS_PATHS: older }),
    ...(searchPaths
      ? { ANSIBLE_COLLECTIONS_PATH: searchPaths.collections, ANSIBLE_ROLES_PATH: searchPaths.roles }
      : {}),
    ...STRICT_SETTINGS,
    ANSIBLE_CALLBACK_PLUGINS: callbackPlugins,
    ANSIBLE_NOCOLOR: '1',
    // Decrypted files pass through it: below the workspace it goes with the workspace, also after a crash.
    ANSIBLE_LOCAL_TEMP: path.join(workspace, 'tmp'),
    // Without an inventory, implicit localhost is what was asked for: no warning.
    ...(hasInventory ? {} : { ANSIBLE_LOCALHOST_WARNING: 'False' }),
    // Ansible refuses to run under a locale that is not UTF-8.
    LC_ALL: 'C.UTF-8',
    SWITCHYARD_MAX_HOSTS: String(maxHosts),
    ...(hostsFile === undefined ? {} : { SWITCHYARD_ONLY_HOSTS: hostsFile }),
  };
}

/** Where Ansible keeps what belongs to the user, when no file says otherwise. */
export function ansibleHome(env: NodeJS.ProcessEnv): string {
  return env['ANSIBLE_HOME'] || path.join(env['HOME'] || homedir(), '.ansible');
}

import path from 'node:path';
import type { GitProtocol } from '@switchyard/contracts';
import { baseEnvironment } from '@switchyard/process';

type Config = readonly (readonly [name: string, value: string])[];

/** What holds for every call: nothing of a repository runs on the worker, and nothing of the machine is mixed in. */
const CONFIG: Config = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.autocrlf', 'false'],
  ['credential.helper', ''],
  ['protocol.ext.allow', 'never'],
  ['submodule.recurse', 'false'],
  // The checkout of a run may need objects that no branch leads to any more.
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // Objects arrive in packs, which appear whole.
  ['fetch.unpackLimit', '1'],
  // A server that says nothing for a minute is given up.
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', '60'],
  // A repository on this machine may belong to another user; which ones may be named is the worker's setting.
  ['safe.directory', '*'],
];

/** The settings as git takes them from its environment: the argument list of a process is open to every user. */
export function configEnvironment(more: Config): Record<string, string> {
  const entries = [...CONFIG, ...more];
  return {
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(
      entries.flatMap(([name, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, name],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

/** The environment of a git process without credentials. */
export function gitEnvironment(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly protocols: readonly GitProtocol[];
  /** A directory of our own, without `.gitconfig`. */
  readonly home: string;
}): Record<string, string> {
  const { env, protocols, home } = options;
  const certificates = env['SSL_CERT_FILE'];
  return {
    ...baseEnvironment(env),
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, 'config'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: protocols.join(':'),
    // Its texts are read to tell what went wrong, as its exit code is always the same.
    LC_ALL: 'C',
    ...(certificates ? { GIT_SSL_CAINFO: certificates } : {}),
    ...configEnvironment([]),
  };
}

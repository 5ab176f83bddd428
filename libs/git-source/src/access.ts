import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, gitProtocolOf, type GitProtocol, type GitSource } from '@switchyard/contracts';
import { createMasker, isIdentityAlive, processIdentity, type Masker } from '@switchyard/process';
import { configEnvironment } from './environment.js';

/** What a git process needs beside the common environment to reach one repository. */
export interface Access extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** Knows the secrets in `env`. */
  readonly masker: Masker;
}

const DEFAULT_USER = 'git';

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Options of {@link openAccess}. */
export interface AccessOptions {
  readonly protocols: readonly GitProtocol[];
  /** Value of a secret. */
  readonly secret: (name: string) => Promise<string>;
  /** Where keys lie while they are used. */
  readonly scratch: string;
  /** File with the keys of ssh servers. Default: that of the user. */
  readonly knownHosts?: string;
}

/**
 * Resolves the credentials of a source. A token goes into the environment of git, for this server alone; a key into a
 * file of mode 600, which is removed afterwards.
 * @throws CodedError InvalidInput for a protocol that this worker may not use
 */
export async function openAccess(source: GitSource, options: AccessOptions): Promise<Access> {
  const { protocols, secret } = options;
  const protocol = gitProtocolOf(source.git);
  if (protocol === undefined || !protocols.includes(protocol)) {
    throw new CodedError(
      'InvalidInput',
      `git: "${source.git}" is reached by ${protocol ?? 'nothing that is known'}, and this worker may use ${protocols.join(' and ')}; give another address, or add it to SWITCHYARD_GIT_PROTOCOLS`,
    );
  }
  if (protocol === 'ssh') return sshAccess(source, options);
  const none: Access = { env: {}, masker: createMasker(), [Symbol.asyncDispose]: () => Promise.resolve() };
  if (source.token === undefined) return none;
  const token = (await secret(source.token.$secret)).trim();
  const basic = Buffer.from(`${source.username ?? DEFAULT_USER}:${token}`).toString('base64');
  const header = ['http.extraHeader', `Authorization: Basic ${basic}`] as const;
  return {
    ...none,
    // git would send the header on to wherever a redirect leads.
    env: configEnvironment([scopedTo(source.git, header), ['http.followRedirects', 'false']]),
    masker: createMasker([token, basic]),
  };
}

/** Another server gets nothing of it. */
function scopedTo(git: string, [name, value]: readonly [string, string]): readonly [string, string] {
  const { origin } = new URL(git);
  return [name.replace('http.', `http.${origin}/.`), value];
}

async function sshAccess(source: GitSource, { secret, scratch, knownHosts }: AccessOptions): Promise<Access> {
  // Keys of hosts are always checked: whoever answers gets to say what a playbook does.
  const options = ['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes'];
  options.push('-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=30');
  if (knownHosts !== undefined) options.push('-o', `UserKnownHostsFile="${knownHosts}"`);
  const env = (more: readonly string[]): Record<string, string> => ({
    GIT_SSH_COMMAND: ['ssh', ...options, ...more].map(quoted).join(' '),
    GIT_SSH_VARIANT: 'ssh',
  });
  if (source.sshKey === undefined) {
    return { env: env([]), masker: createMasker(), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const key = await secret(source.sshKey.$secret);
  const directory = await mkdtemp(path.join(scratch, `${(await processIdentity()) ?? '0.0'}.`));
  const file = path.join(directory, 'id');
  // ssh refuses a key whose last line has no end.
  await writeFile(file, `${key.trim()}\n`, { mode: 0o600 });
  return {
    env: env(['-o', 'IdentitiesOnly=yes', '-i', file]),
    masker: createMasker([key.trim()]),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Removes the keys of workers that were killed: a secret in a file must not outlive its use. */
export async function removeDeadKeys(scratch: string): Promise<void> {
  for (const name of await readdir(scratch).catch((): string[] => [])) {
    if (await isIdentityAlive(name.split('.', 2).join('.'))) continue;
    await rm(path.join(scratch, name), { recursive: true, force: true });
  }
}

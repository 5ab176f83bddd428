import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import {
  createMasker,
  findExecutable,
  isIdentityAlive,
  processIdentity,
  runProgram,
  withFileLock,
  withFreeFileLock,
  type Masker,
  type Reaper,
  type RunResult,
} from '@switchyard/process';
import { allowedEnvironment } from '../play/environment.js';
import { findRequirements, type Requirements } from './find-requirements.js';

/** Directories for ANSIBLE_COLLECTIONS_PATH and ANSIBLE_ROLES_PATH. */
export interface InstalledRequirements {
  readonly collections: string;
  readonly roles: string;
}

/** One use of what a project requires. */
export interface RequirementsCall {
  readonly project: string;
  readonly signal: AbortSignal;
  /** Run marker of ansible-galaxy. */
  readonly marker: string;
  readonly onLine: (stream: 'stdout' | 'stderr', text: string) => Promise<void>;
  /** Tells that something was installed, or is about to be. */
  readonly say: (type: string, message: string, data: Record<string, unknown>) => Promise<void>;
}

const PARENT = 'ansible-requirements';
const TIMEOUT_MS = 15 * 60_000;
const OLDEST_MS = 30 * 24 * 60 * 60_000;
const ENDING = { signals: [{ signal: 'SIGINT', graceMs: 3_000, to: 'group' }] } as const;
const MOST_CHARACTERS = 600;
/** The name of a directory with everything in it. */
const WHOLE = /^[0-9a-f]{32}$/;

/** Settings of Galaxy servers that hold what nobody should read. */
const SECRET_SETTING = /^ANSIBLE_.*(?:TOKEN|PASSWORD|SECRET)/;

/** Installs what projects require, once per state of it and release of Ansible, for all runs of this worker. */
export class ProjectRequirements {
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #binDir: string | undefined;
  readonly #reaper: Reaper | undefined;
  #release: Promise<string> | undefined;

  constructor(options: { workDir: string; env: NodeJS.ProcessEnv; binDir?: string; reaper?: Reaper }) {
    this.#directory = path.join(path.resolve(options.workDir), PARENT);
    this.#env = options.env;
    this.#binDir = options.binDir;
    this.#reaper = options.reaper;
  }

  /**
   * Where the collections and roles of a project lie, installed when they are not; undefined when it requires none.
   * @throws CodedError AnsibleRequirementsFailed with what ansible-galaxy said
   */
  async of(call: RequirementsCall): Promise<InstalledRequirements | undefined> {
    const found = await findRequirements(call.project);
    if (found === undefined) return undefined;
    const release = await this.#knownRelease(call.signal);
    const key = createHash('sha256').update(`${release}\0${found.digest}`).digest('hex').slice(0, 32);
    const place = path.join(this.#directory, key);
    await withFileLock(this.#lock(key), () => this.#need(place, found, call), {
      signal: call.signal,
    });
    return { collections: path.join(place, 'collections'), roles: path.join(place, 'roles') };
  }

  async #need(place: string, found: Requirements, call: RequirementsCall): Promise<void> {
    if ((await stat(place).catch(() => undefined)) === undefined) await this.#install(place, found, call);
    const now = new Date();
    await utimes(place, now, now);
  }

  /** A name that says whole is given at the very end: what a killed worker leaves is never taken for it. */
  async #install(place: string, { files, digest }: Requirements, call: RequirementsCall): Promise<void> {
    const names = files.map(({ name }) => name);
    await call.say('requirements_install', `installing what ${names.join(', ')} requires`, { files: names });
    const owner = (await processIdentity()) ?? `${process.pid}.0`;
    const making = path.join(this.#directory, `making-${owner}.${randomBytes(6).toString('hex')}`);
    try {
      for (const kind of ['collections', 'roles', 'tmp']) {
        // oxlint-disable-next-line no-await-in-loop
        await mkdir(path.join(making, kind), { recursive: true, mode: 0o700 });
      }
      for (const { name, hasCollections, hasRoles } of files) {
        // One after the other: a role may need a collection, and both write into one directory.
        // oxlint-disable-next-line no-await-in-loop
        if (hasCollections) await this.#galaxy('collection', name, making, call);
        // oxlint-disable-next-line no-await-in-loop
        if (hasRoles) await this.#galaxy('role', name, making, call);
      }
      await rm(path.join(making, 'tmp'), { recursive: true, force: true, maxRetries: 3 });
      await rename(making, place);
    } finally {
      await rm(making, { recursive: true, force: true, maxRetries: 3 });
    }
    await call.say('requirements_installed', `installed what ${names.join(', ')} requires`, {
      files: names,
      digest: `sha256:${digest}`,
    });
  }

  async #galaxy(kind: 'collection' | 'role', file: string, making: string, call: RequirementsCall): Promise<void> {
    const lines: string[] = [];
    const result = await runProgram({
      command: await this.#program(),
      args: [kind, 'install', '-r', file, '-p', path.join(making, `${kind}s`)],
      cwd: call.project,
      env: this.#environment(making),
      marker: call.marker,
      mask: this.#masker(),
      signal: call.signal,
      timeoutMs: TIMEOUT_MS,
      cancel: ENDING,
      onLine: (stream, text) => {
        lines.push(text);
        return call.onLine(stream, text);
      },
      ...(this.#reaper === undefined ? {} : { reaper: this.#reaper }),
    });
    call.signal.throwIfAborted();
    if (result.exitCode !== 0) throw failed(file, result, lines);
  }

  #environment(making: string): Record<string, string> {
    return {
      ...allowedEnvironment(this.#env),
      // What is installed elsewhere on this machine must not count as installed.
      ANSIBLE_COLLECTIONS_PATH: path.join(making, 'collections'),
      ANSIBLE_ROLES_PATH: path.join(making, 'roles'),
      ANSIBLE_LOCAL_TEMP: path.join(making, 'tmp'),
      ANSIBLE_NOCOLOR: '1',
      GIT_TERMINAL_PROMPT: '0',
      LC_ALL: 'C.UTF-8',
    };
  }

  #masker(): Masker {
    const secrets = Object.entries(this.#env).flatMap(([name, value]) =>
      value !== undefined && SECRET_SETTING.test(name) ? [value] : [],
    );
    return createMasker(secrets);
  }

  #program(): Promise<string> {
    return findExecutable('ansible-galaxy', {
      env: this.#env,
      ...(this.#binDir === undefined ? {} : { explicit: this.#binDir }),
      variable: 'SWITCHYARD_ANSIBLE_BIN',
    });
  }

  async #knownRelease(signal: AbortSignal): Promise<string> {
    this.#release ??= this.#askRelease(signal);
    try {
      return await this.#release;
    } catch (error) {
      this.#release = undefined;
      throw error;
    }
  }

  async #askRelease(signal: AbortSignal): Promise<string> {
    const env = { ...allowedEnvironment(this.#env), LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1' };
    const lines: string[] = [];
    const onLine = (stream: 'stdout' | 'stderr', text: string): void => void (stream === 'stdout' && lines.push(text));
    const command = await this.#program();
    const { exitCode, tail } = await runProgram({
      command,
      args: ['--version'],
      env,
      marker: 'requirements',
      signal,
      onLine,
    });
    signal.throwIfAborted();
    if (exitCode === 0 && lines[0] !== undefined) return lines[0];
    throw new CodedError('AnsibleRequirementsFailed', `ansible-galaxy does not tell its release: ${tail.join(' ')}`);
  }

  /** Removes what no run has used for a month, and what workers that died left unfinished. */
  async tidy(now: number = Date.now()): Promise<void> {
    for (const name of await readdir(this.#directory).catch((): string[] => [])) {
      const place = path.join(this.#directory, name);
      // oxlint-disable-next-line no-await-in-loop
      if (WHOLE.test(name)) await this.#removeOld(name, place, now);
      // oxlint-disable-next-line no-await-in-loop
      else if (await isLeft(name)) await rm(place, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** What a run has begun to use meanwhile is not old any more. */
  async #removeOld(name: string, place: string, now: number): Promise<void> {
    await withFreeFileLock(this.#lock(name), async () => {
      const changed = await stat(place).catch(() => undefined);
      if (changed !== undefined && now - changed.mtimeMs > OLDEST_MS) await removeWhole(place, this.#directory);
    });
  }

  #lock(name: string): string {
    return path.join(this.#directory, 'locks', name);
  }
}

/** Whether a directory was being made or removed by a process that is gone. */
async function isLeft(name: string): Promise<boolean> {
  const owner = /^making-(\d+\.\d+)\./.exec(name)?.[1];
  return owner === undefined ? name.startsWith('removing-') : !(await isIdentityAlive(owner));
}

/** The name goes first, so that half of it is never taken for all of it. */
async function removeWhole(place: string, parent: string): Promise<void> {
  const removing = path.join(parent, `removing-${randomBytes(6).toString('hex')}`);
  await rename(place, removing);
  await rm(removing, { recursive: true, force: true, maxRetries: 3 });
}

function failed(file: string, { ended, reason, exitCode }: RunResult, lines: readonly string[]): CodedError {
  const told = lines.map((line) => line.trim()).filter((line) => line !== '');
  const first = told.findIndex((line) => /\[?ERROR|NOT installed successfully/.test(line));
  const text = told.slice(first === -1 ? -4 : first, first === -1 ? undefined : first + 4).join(' ');
  const said = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}...` : text;
  const how = ended === 'exited' ? said || `it ended with ${exitCode}` : (reason ?? ended);
  return new CodedError(
    'AnsibleRequirementsFailed',
    `${file}: what the project requires could not be installed: ${how}; mend the entry, or make its server reachable from the worker. \`project.requirements: ignore\` runs without it. No host was touched`,
    { details: { file } },
  );
}

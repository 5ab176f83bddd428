import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { baseEnvironment } from '@switchyard/process';
import type { BenchStack } from './stack.ts';

/** A call of a tool without Switchyard. */
export interface BareCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Exit codes that are well. Default: 0. */
  readonly wellEnded?: readonly number[];
  /** Whether it writes events to descriptor 3, which are then read and thrown away. Default: no. */
  readonly hasEvents?: boolean;
}

/** The descriptor that a worker gives ansible-playbook for its events. */
const EVENT_DESCRIPTOR = 3;

/** How long a tool took, and when it printed its first line. Milliseconds since the call. */
export interface BareTimes {
  readonly totalMs: number;
  readonly firstOutputMs: number;
}

/** Runs a tool and reads its output to the end, as a person's shell would. Throws when it does not end well. */
export function runBare(call: BareCall): Promise<BareTimes> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const channel = call.hasEvents ? (['pipe'] as const) : [];
    const child = spawn(call.command, call.args, {
      cwd: call.cwd,
      env: call.env,
      stdio: ['ignore', 'pipe', 'pipe', ...channel],
    });
    let firstOutputMs: number | undefined;
    let said = '';
    const take = (chunk: Buffer): void => {
      firstOutputMs ??= performance.now() - startedAt;
      said = `${said}${chunk.toString()}`.slice(-4_000);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const events = child.stdio[EVENT_DESCRIPTOR];
    if (events instanceof Readable) events.resume();
    child.on('error', reject);
    child.on('close', (code) => {
      const totalMs = performance.now() - startedAt;
      if (code !== null && (call.wellEnded ?? [0]).includes(code)) {
        resolve({ totalMs, firstOutputMs: firstOutputMs ?? totalMs });
      } else reject(new Error(`${call.command} ${call.args.join(' ')} ended with ${String(code)}: ${said}`));
    });
  });
}

/** The call of ansible-playbook that a worker makes for implicit localhost, without the plugin that makes events. */
export function ansibleCall(stack: BenchStack, playbook: string): BareCall {
  const { root, environment } = stack;
  const bin = environment['SWITCHYARD_ANSIBLE_BIN'];
  return {
    command: bin === undefined ? 'ansible-playbook' : join(bin, 'ansible-playbook'),
    args: ['--inventory=,', '--forks=50', join(root, playbook)],
    cwd: root,
    // What the worker gives it, too: no bytecode settings of the caller, and a locale that Ansible accepts.
    env: {
      ...baseEnvironment(environment),
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_LOCALHOST_WARNING: 'False',
      ANSIBLE_LOCAL_TEMP: join(root, '.bare-ansible'),
      LC_ALL: 'C.UTF-8',
    },
  };
}

/** The directory of the plugin that makes events. */
const EVENT_PLUGIN = fileURLToPath(new URL('../../apps/ansible-worker/plugins', import.meta.url));
const TIME_PLUGIN = fileURLToPath(new URL('../plugins', import.meta.url));

/**
 * The call of ansible-playbook that a worker makes for one batch: some hosts of an inventory, named in a file.
 * @param options.hasEvents with the plugin that makes events, as a worker has it
 * @param options.timeFile a file for the seconds of processor time that its main process took; default: not measured
 */
export function ansibleBatchCall(
  stack: BenchStack,
  options: {
    readonly playbook: string;
    readonly inventory: string;
    readonly hostsFile: string;
    readonly hosts: number;
    readonly hasEvents: boolean;
    readonly timeFile?: string;
  },
): BareCall {
  const { playbook, inventory, hostsFile, hosts, hasEvents, timeFile } = options;
  const call = ansibleCall(stack, playbook);
  const plugins = [...(hasEvents ? [EVENT_PLUGIN] : []), ...(timeFile === undefined ? [] : [TIME_PLUGIN])];
  return {
    ...call,
    args: [
      `--inventory=${join(stack.root, inventory)}`,
      `--forks=${Math.min(hosts, 50)}`,
      `--limit=@${hostsFile}`,
      join(stack.root, playbook),
    ],
    env: {
      ...call.env,
      ...(plugins.length === 0 ? {} : { ANSIBLE_CALLBACK_PLUGINS: plugins.join(':') }),
      ...(hasEvents ? { SWITCHYARD_EVENTS_FD: String(EVENT_DESCRIPTOR) } : {}),
      ...(timeFile === undefined ? {} : { BENCH_MAIN_PROCESS: timeFile }),
    },
    hasEvents,
  };
}

/** One command of Terraform with the flags that a worker gives it. `dataDir` is new for each run, as it is there. */
export function terraformCall(
  stack: BenchStack,
  options: { readonly directory: string; readonly dataDir: string; readonly args: readonly string[] },
): BareCall {
  const { environment } = stack;
  return {
    command: environment['SWITCHYARD_TERRAFORM_BIN'] ?? environment['SWITCHYARD_TOFU_BIN'] ?? 'terraform',
    args: options.args,
    cwd: options.directory,
    env: {
      ...baseEnvironment(environment),
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
      CHECKPOINT_DISABLE: '1',
      TF_DATA_DIR: options.dataDir,
    },
    // plan -detailed-exitcode: 2 means that there is something to apply.
    wellEnded: [0, 2],
  };
}

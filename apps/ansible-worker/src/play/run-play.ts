import { findExecutable, runProgram, type Masker, type Reaper, type RunResult } from '@switchyard/process';
import { pluginEventSchema, type PluginEvent } from '../events/plugin-event.js';

/** What one ansible-playbook process is given, and who listens to it. */
export interface PlayProcess {
  readonly binDir: string | undefined;
  /** Environment of the worker, where the program is sought. */
  readonly searchEnv: NodeJS.ProcessEnv;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly marker: string;
  readonly masker: Masker;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly reaper: Reaper | undefined;
  readonly onEvent: (event: PluginEvent) => Promise<void>;
  /** Something came on the event channel that is no event of ours: so many characters of it. */
  readonly onUnreadable: (characters: number) => Promise<void>;
  readonly onLine: (stream: 'stdout' | 'stderr', text: string) => Promise<void>;
}

/** Milliseconds between SIGINT to the group and SIGKILL: Ansible ends its forks and removes temporary files. */
const GRACE_MS = 10_000;
const TAIL_LINES = 60;

/** Runs ansible-playbook with the events of the plugin. */
export async function runPlay(play: PlayProcess): Promise<RunResult> {
  const command = await findExecutable('ansible-playbook', {
    env: play.searchEnv,
    ...(play.binDir === undefined ? {} : { explicit: play.binDir }),
    variable: 'SWITCHYARD_ANSIBLE_BIN',
  });
  return runProgram({
    command,
    args: play.args,
    cwd: play.cwd,
    env: play.env,
    marker: play.marker,
    mask: play.masker,
    signal: play.signal,
    timeoutMs: play.timeoutMs,
    tailLines: TAIL_LINES,
    cancel: { signals: [{ signal: 'SIGINT', graceMs: GRACE_MS, to: 'group' }] },
    onLine: play.onLine,
    events: {
      envName: 'SWITCHYARD_EVENTS_FD',
      onEvent: async (value) => {
        const parsed = pluginEventSchema.safeParse(value);
        await (parsed.success ? play.onEvent(parsed.data) : play.onUnreadable(JSON.stringify(value).length));
      },
      onDamaged: (text) => play.onUnreadable(text.length),
    },
    ...(play.reaper === undefined ? {} : { reaper: play.reaper }),
  });
}

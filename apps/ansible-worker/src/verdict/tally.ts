import type { HostResult } from '@switchyard/contracts';
import type { PluginEvent, PluginEventOf, TaskResultEvent } from '../events/plugin-event.js';

/** What is counted per host; the outcome follows from it. */
export type HostCounts = Omit<HostResult, 'outcome'>;

const NONE: HostCounts = { ok: 0, changed: 0, failed: 0, unreachable: 0, skipped: 0, rescued: 0, ignored: 0 };

/** The name that Ansible gives to the task that it puts in front of a play. */
const GATHERING_FACTS = 'Gathering Facts';

/** One line for people about why a task failed. Already masked, for the plugin's events come masked. */
function reasonOf(event: TaskResultEvent): string {
  const { msg, stderr, module_stderr: moduleError, stdout } = event.res;
  const said = [msg, stderr, moduleError, stdout].find((text) => typeof text === 'string' && text.trim() !== '');
  const text = typeof said === 'string' ? said.trim().replaceAll(/\s*\n\s*/g, ' ') : 'no message';
  return `${event.task}: ${text.length > 400 ? `${text.slice(0, 397)}...` : text}`;
}

/**
 * What the events of one ansible-playbook process said so far. Events come in the order in which they happened; the
 * stats at the end are the truth about every host they name, the counts by event stand in while there are none.
 */
export class Tally {
  /** Hosts of all plays, in the order of the inventory; undefined before the plan. */
  hosts: readonly string[] | undefined;
  plan: PluginEventOf<'plan'> | undefined;
  planFailure: string | undefined;
  /** The process ended itself, because it would have worked on hosts that it was not given. */
  strayed: PluginEventOf<'strayed'> | undefined;
  playsStarted = 0;
  /** The final stats arrived: the process came to its end by itself. */
  isComplete = false;
  /** Hosts that ended their last task; a later crash must not run them again. */
  readonly done = new Set<string>();
  readonly #names: string[] = [];
  readonly #byEvent = new Map<string, HostCounts>();
  readonly #stats = new Map<string, HostCounts>();
  readonly #reasons = new Map<string, string>();
  readonly #inFlight = new Map<string, string>();
  #tasksStarted = 0;
  #ownTasksStarted = 0;
  #lastTask: string | undefined;

  take(event: PluginEvent): void {
    switch (event.ev) {
      case 'hosts':
        this.#names.push(...event.names);
        break;
      case 'plan':
        this.plan = event;
        this.hosts = [...this.#names];
        break;
      case 'plan_failed':
        this.planFailure = event.message;
        break;
      case 'strayed':
        this.strayed = event;
        break;
      case 'play_start':
        this.playsStarted += 1;
        break;
      case 'task_start':
      case 'handler_start':
        this.#tasksStarted += 1;
        if (event.task !== GATHERING_FACTS) this.#ownTasksStarted += 1;
        this.#lastTask = event.task;
        break;
      case 'host_start':
        this.#inFlight.set(event.host, event.task);
        break;
      case 'ok':
      case 'skipped':
      case 'failed':
      case 'unreachable':
        this.#count(event);
        break;
      case 'host_done':
        this.done.add(event.host);
        break;
      case 'host_stats':
        for (const [host, { failures, ...rest }] of Object.entries(event.hosts)) {
          this.#stats.set(host, { ...rest, failed: failures });
        }
        break;
      case 'stats':
        this.isComplete = event.count === this.#stats.size;
        break;
      default:
        break;
    }
  }

  /** Counts of a host: from the stats when they came, else from the events. */
  countsOf(host: string): HostCounts {
    return this.#stats.get(host) ?? this.#byEvent.get(host) ?? NONE;
  }

  /** Whether any play did anything on this host. */
  isTouched(host: string): boolean {
    return this.#stats.has(host) || this.#byEvent.has(host);
  }

  /** Every host that was named by the plan, the events or the stats. */
  get named(): string[] {
    return [...new Set([...(this.hosts ?? this.#names), ...this.#byEvent.keys(), ...this.#stats.keys()])];
  }

  /** Why a host failed or could not be reached: the last such result. */
  reason(host: string): string | undefined {
    return this.#reasons.get(host);
  }

  /** Hosts with a task that has begun and not ended, and that task. */
  get inFlight(): ReadonlyMap<string, string> {
    return this.#inFlight;
  }

  get lastTask(): string | undefined {
    return this.#lastTask;
  }

  get tasksStarted(): number {
    return this.#tasksStarted;
  }

  /** Without the gathering of facts, which happens also when all tasks of a play are passed over. */
  get ownTasksStarted(): number {
    return this.#ownTasksStarted;
  }

  #count(event: TaskResultEvent): void {
    const { host } = event;
    const now = this.#byEvent.get(host) ?? NONE;
    const changed = now.changed + (event.changed ? 1 : 0);
    const isIgnored = 'ignored' in event && event.ignored;
    this.#inFlight.delete(host);
    if ((event.ev === 'failed' || event.ev === 'unreachable') && !isIgnored) this.#reasons.set(host, reasonOf(event));
    if (event.ev === 'ok') this.#byEvent.set(host, { ...now, ok: now.ok + 1, changed });
    else if (event.ev === 'skipped') this.#byEvent.set(host, { ...now, skipped: now.skipped + 1 });
    else if (isIgnored) this.#byEvent.set(host, { ...now, ok: now.ok + 1, ignored: now.ignored + 1, changed });
    else if (event.ev === 'failed') this.#byEvent.set(host, { ...now, failed: now.failed + 1 });
    else if (event.ev === 'unreachable') this.#byEvent.set(host, { ...now, unreachable: now.unreachable + 1 });
  }
}

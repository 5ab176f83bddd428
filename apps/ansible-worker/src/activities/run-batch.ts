import {
  ansibleInputSchema,
  CodedError,
  gitPinOf,
  gitSourceOf,
  parseOrThrow,
  type AnsibleInput,
  type AnsibleResult,
  type GitPin,
} from '@switchyard/contracts';
import type { Checkout } from '@switchyard/git-source';
import { endMarked, type RunResult } from '@switchyard/process';
import { Book } from '../hosts/book.js';
import { countHosts, failedHostsOf, MOST_HOSTS_IN_BATCH_RESULT, reasonsOf, resultsOf } from '../hosts/ledger-view.js';
import { hostsToRun, sliceCount, sliceOf, smallestBatchSize } from '../hosts/slices.js';
import { Inventories } from '../inventory/inventories.js';
import { playArguments } from '../play/arguments.js';
import { playEnvironment } from '../play/environment.js';
import { handOver } from '../play/handover.js';
import { checkLimit, resolvePaths } from '../play/paths.js';
import { Progress } from '../play/progress.js';
import { ProjectSettings } from '../play/project-settings.js';
import { runPlay } from '../play/run-play.js';
import { openWorkspace } from '../play/workspace.js';
import type { AnsibleDeps, KnownHost } from '../ports.js';
import { Tally } from '../verdict/tally.js';
import { hostResults, judge, type Verdict } from '../verdict/verdict.js';
import type { BatchInput, BatchResult } from '../workflows/activities.js';
import { cancelText, leftText } from './ending-text.js';
import { PlayOutput } from './play-output.js';

/** What the activity needs of its call. */
export interface BatchCall {
  /** Attempt of the activity, from 1: more than 1 means that a worker was lost or a process crashed. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Whether the signal came because this worker stops: then another worker goes on. */
  readonly isWorkerStopping: () => boolean;
}

/** A crash of ansible-playbook is tried again this often; the loss of a worker as often as the workflow allows. */
const MOST_CRASHES = 2;
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 500;

/** The marker of all processes of one slice; each attempt has its own part below it. */
function markerOf({ ref, batch, ledgerId }: BatchInput): string {
  return `${ref.executionId}/${ref.workflowId}/${ledgerId === ref.executionId ? '' : `${ledgerId.slice(ref.executionId.length)}/`}batch-${batch}`;
}

function tailOf(lines: readonly string[]): string[] {
  const said = lines.filter((line) => line.trim() !== '');
  return said.slice(-TAIL_LINES).map((line) => line.slice(0, TAIL_CHARACTERS));
}

/** Which hosts a process works on, known before it starts or not. */
interface Scope {
  /** Undefined: all that the inventory and the limit give; the process names them. */
  readonly hosts: readonly string[] | undefined;
  readonly maxHosts: number;
}

/** Runs playbooks for one worker. */
export class BatchRunner {
  readonly #deps: AnsibleDeps;
  readonly #inventories: Inventories;
  readonly #settings: ProjectSettings;

  constructor(deps: AnsibleDeps) {
    this.#deps = deps;
    this.#inventories = new Inventories(deps);
    this.#settings = new ProjectSettings(deps.settings.env, deps.settings.binDir);
  }

  /** Works on one slice until each host of it has a result, or says why that cannot be. */
  async run(given: BatchInput, call: BatchCall): Promise<BatchResult> {
    const output = new PlayOutput(this.#deps.events, given);
    try {
      if (call.attempt > 1) await this.#endEarlier(given, output, call.attempt);
      const input = await this.#inputOf(given);
      const keep = given.batch === 0 ? this.#deps.inputs.keep(given.ref, input) : Promise.resolve();
      keep.catch(() => undefined);
      const book = new Book(this.#deps.ledger, given);
      const scope = await this.#scopeOf(given, input, book);
      const result =
        scope === 'nothing left'
          ? await finished(given, input, book, [])
          : await this.#play(given, call, { input, book, scope, output, keep });
      return result;
    } finally {
      await output.flush();
    }
  }

  /** An earlier attempt on this machine may have left programs, although its worker's reaper should have ended them. */
  async #endEarlier(given: BatchInput, output: PlayOutput, attempt: number): Promise<void> {
    const left = await endMarked(markerOf(given), { signals: [{ signal: 'SIGINT', graceMs: 2_000, to: 'group' }] });
    const message = left.length === 0 ? 'nothing of the attempt before is left running' : leftText(left);
    const level = left.length === 0 ? 'info' : 'warning';
    await output.say('batch_resumed', `attempt ${attempt} after a lost worker or a crash: ${message}`, { level });
  }

  async #inputOf(given: BatchInput): Promise<AnsibleInput> {
    if (given.input) return given.input;
    const kept = await this.#deps.inputs.find(given.ref.runId, given.ref.executionId);
    if (kept === undefined) {
      throw new CodedError('NotFound', `the input of ${given.ref.workflowId} is not in the store any more`);
    }
    return parseOrThrow(ansibleInputSchema, kept, 'the kept input');
  }

  /** Hosts that the ledger already knows and that this attempt may run; a lost worker's finished hosts are not in it. */
  async #scopeOf(given: BatchInput, input: AnsibleInput, book: Book): Promise<Scope | 'nothing left'> {
    const { ledgerId, batch, attempt } = given;
    const known = await book.read();
    if (known === undefined) return { hosts: undefined, maxHosts: input.batchSize };
    const slice = batch === 0 ? known.hosts : sliceOf(known.hosts, input.batchSize, batch);
    const wanted = hostsToRun(slice, attempt);
    // Batch 0 may still come out as too many: then nothing of it has started.
    const isUndivided = batch === 0 && attempt === 1 && wanted.length > input.batchSize;
    const hosts = isUndivided ? wanted : await this.#deps.ledger.start(ledgerId, wanted, batch, attempt);
    if (hosts.length === 0) return 'nothing left';
    return { hosts, maxHosts: isUndivided ? input.batchSize : 0 };
  }

  async #play(given: BatchInput, call: BatchCall, play: Playing): Promise<BatchResult> {
    const { input, book, scope, output, keep } = play;
    const { settings, events: _, ...deps } = this.#deps;
    checkLimit(input.limit);
    await using checkout = await this.#checkout(input, call, output);
    const paths = await resolvePaths(settings.roots, input, checkout?.path);
    const inventories = await this.#inventories.groupsOf(given.ref, input, call.signal, output);
    await using workspace = await openWorkspace(settings.workDir);
    const searchPaths = await this.#searchPaths(given, call, play, paths.project);
    const [handover, callbackPlugins] = await Promise.all([
      handOver(input, inventories, workspace, deps.secret),
      this.#settings.callbackPlugins(paths.project),
    ]);
    const file = scope.hosts && (await workspace.write('limit', `${scope.hosts.join('\n')}\n`));
    const count = scope.hosts?.length ?? input.batchSize;
    const args = playArguments(input, paths, handover, { count, ...(file === undefined ? {} : { file }) });
    const hasInventory = input.inventory !== undefined;
    const env = playEnvironment({
      env: settings.env,
      callbackPlugins,
      workspace: workspace.path,
      maxHosts: scope.maxHosts,
      hasInventory,
      searchPaths,
      ...(file === undefined ? {} : { hostsFile: file }),
    });
    const hostsText =
      scope.hosts === undefined ? '' : ` on ${scope.hosts.length} host${scope.hosts.length === 1 ? '' : 's'}`;
    await output.say('batch_start', `ansible-playbook ${input.playbook ?? ''}${hostsText}`, {
      data: { activityAttempt: call.attempt, executionId: given.ref.executionId },
    });

    // Before anything runs: batches, a later worker and `retryOf` rely on it.
    await keep;
    const tally = new Tally();
    const progress = new Progress(given);
    const end = await runPlay({
      binDir: settings.binDir,
      searchEnv: settings.env,
      args,
      cwd: paths.project,
      env,
      marker: `${markerOf(given)}/${given.attempt}.${call.attempt}`,
      masker: handover.masker,
      signal: call.signal,
      timeoutMs: input.timeout,
      reaper: deps.reaper,
      onLine: (stream, text) => output.line(stream, text),
      onUnreadable: (characters) => output.unreadable(characters),
      onEvent: async (event) => {
        tally.take(event);
        await output.event(event, handover.masker);
        if (event.ev === 'plan') await this.#planned(tally, play);
        else if (event.ev === 'host_done') book.done(event.host, tally);
        const due = progress.take(event);
        if (due) void deps.report(given.ref, due).catch(() => undefined);
      },
    });
    await book.settle();
    // Awaited here: its rejection must not wait unheard while the workspace is removed.
    return await this.#conclude(given, call, play, { end, tally });
  }

  /** The files of a project from git, at the commit that was looked up for the run. */
  async #checkout({ project }: AnsibleInput, call: BatchCall, output: PlayOutput): Promise<Checkout | undefined> {
    const source = gitSourceOf(project);
    if (source === undefined) return undefined;
    const { commit } = source;
    if (commit === undefined) throw new CodedError('InvalidInput', 'project.commit: is missing; start the run anew');
    const checkout = await this.#deps.sources.checkout({ ...source, commit }, call.signal).catch((error: unknown) => {
      throw boundRetries(error, call);
    });
    if (checkout.changed.length > 0) {
      const message = `an earlier playbook has written into its project (${checkout.changed.join(', ')}); this run works with fresh files of the commit`;
      await output.say('project_changed', message, { level: 'warning', data: { files: checkout.changed } });
    }
    return checkout;
  }

  /** Where Ansible finds what the project requires, before what the project and the machine have; undefined for none. */
  async #searchPaths(
    given: BatchInput,
    call: BatchCall,
    { input, output }: Playing,
    project: string,
  ): Promise<{ readonly collections: string; readonly roles: string } | undefined> {
    const { requirements = input.project?.git === undefined ? 'ignore' : 'install' } = input.project ?? {};
    if (requirements === 'ignore') return undefined;
    const installed = await this.#deps.requirements.of({
      project,
      signal: call.signal,
      marker: `${markerOf(given)}/requirements`,
      onLine: (stream, text) => output.line(stream, text),
      say: (type, message, data) => output.say(type, message, { data }),
    });
    if (installed === undefined) return undefined;
    const withOurs = async (name: keyof typeof installed): Promise<string> =>
      `${installed[name]}:${await this.#settings.searchPath(name, project)}`;
    return { collections: await withOurs('collections'), roles: await withOurs('roles') };
  }

  async #planned(tally: Tally, { book, scope, output }: Playing): Promise<void> {
    const { plan } = tally;
    if (!plan) return;
    if (scope.hosts === undefined || scope.maxHosts > 0) await book.snapshot(tally, !plan.split);
    if (plan.reasons.length > 0 && scope.maxHosts > 0 && plan.total > scope.maxHosts) {
      await output.say(
        'batch_whole',
        `runs on all ${plan.total} hosts at once, not in batches: ${plan.reasons.join('; ')}`,
        {
          level: 'warning',
          data: { reasons: plan.reasons },
        },
      );
    }
  }

  async #conclude(given: BatchInput, call: BatchCall, play: Playing, process: Ended): Promise<BatchResult> {
    const { book, input, output } = play;
    const { end, tally } = process;
    const verdict = judge(end, tally, input);
    const tail = tailOf(end.tail);
    switch (verdict.kind) {
      case 'finished': {
        const asked = new Set(play.scope.hosts ?? Object.keys(verdict.hosts));
        // A host of the ledger that no play of this process matched (its pattern changed) did not start.
        const missing = [...asked].filter((host) => !Object.hasOwn(verdict.hosts, host));
        const none = {
          outcome: 'not-started',
          ok: 0,
          changed: 0,
          failed: 0,
          unreachable: 0,
          skipped: 0,
          rescued: 0,
          ignored: 0,
        } as const;
        await book.finish({ ...verdict.hosts, ...Object.fromEntries(missing.map((host) => [host, none])) }, tally);
        return finished(given, input, book, tail);
      }
      case 'split': {
        const known = await book.read();
        const hosts = known?.hosts.length ?? 0;
        const batches = sliceCount(hosts, input.batchSize);
        const smallest = smallestBatchSize(hosts, input.retry.attempts);
        // Only a run of its own continues as new: see decision 0021.
        const isChild = given.ref.runId !== given.ref.workflowId;
        if (isChild && input.batchSize < smallest) {
          throw new CodedError(
            'InvalidInput',
            `${hosts} hosts in ${batches} batches, with up to ${input.retry.attempts} attempts each, are more than a run within another one can record: give batchSize ${smallest} or more, or start the playbook as a run of its own; nothing has run`,
          );
        }
        await output.say('batches', `${hosts} hosts in ${batches} batches of up to ${input.batchSize}`);
        return { kind: 'split', hosts, batches, inventoryDigest: known?.inventoryDigest ?? '' };
      }
      case 'cancelled': {
        const detail = cancelText(end, tally);
        await output.say('playbook_cancelled', detail, {
          level: 'warning',
          data: { leftovers: end.leftovers, inFlight: Object.fromEntries([...tally.inFlight].slice(0, 50)) },
        });
        if (call.isWorkerStopping()) call.signal.throwIfAborted();
        return { kind: 'cancelled', detail };
      }
      default:
        throw await this.#failure(given, call, verdict, { end, tally, tail, book, source: gitPinOf(input.project) });
    }
  }

  async #failure(
    given: BatchInput,
    call: BatchCall,
    verdict: Extract<Verdict, { kind: 'refused' | 'timed-out' }>,
    ended: Ended & { readonly tail: readonly string[]; readonly book: Book; readonly source: GitPin | undefined },
  ): Promise<CodedError> {
    const { end, tally, tail, book, source } = ended;
    const known = await book.read();
    const hosts = known ? resultsOf(known.hosts) : hostResults(tally);
    const details: AnsibleResult = {
      runId: given.ref.workflowId,
      verdict: verdict.kind === 'refused' ? verdict.verdict : 'error',
      hosts,
      failedHosts: known ? failedHostsOf(known.hosts) : [],
      batches: 1,
      inventoryDigest: known?.inventoryDigest ?? '',
      durationMs: Date.now() - Date.parse(given.startedAt),
      tail: [...tail],
      ...(source === undefined ? {} : { source }),
    };
    if (verdict.kind === 'timed-out') {
      return new CodedError('TimedOut', `${verdict.message}; ${leftText(end.leftovers)}`, { details });
    }
    const retryable = verdict.isRetryable && call.attempt <= MOST_CRASHES;
    return new CodedError(verdict.code, verdict.message, { details, retryable });
  }
}

/** A server that does not answer is asked again as often as a crash is tried again: attempts are for lost workers. */
function boundRetries(error: unknown, { attempt }: BatchCall): unknown {
  if (!(error instanceof CodedError) || !error.retryable || attempt <= MOST_CRASHES) return error;
  return new CodedError(error.code, error.message, { details: error.details, cause: error, retryable: false });
}

interface Playing {
  readonly input: AnsibleInput;
  readonly book: Book;
  readonly scope: Scope;
  readonly output: PlayOutput;
  /** Resolves when the input is in the store. */
  readonly keep: Promise<void>;
}

interface Ended {
  readonly end: RunResult;
  readonly tally: Tally;
}

async function finished(
  given: BatchInput,
  input: AnsibleInput,
  book: Book,
  tail: readonly string[],
): Promise<BatchResult> {
  const known = await book.read();
  const hosts: readonly KnownHost[] = known?.hosts ?? [];
  const slice = given.batch === 0 ? hosts : sliceOf(hosts, input.batchSize, given.batch);
  const isSmall = given.batch === 0 && hosts.length <= MOST_HOSTS_IN_BATCH_RESULT;
  return {
    kind: 'finished',
    all: countHosts(hosts),
    slice: countHosts(slice),
    inventoryDigest: known?.inventoryDigest ?? '',
    tail,
    reasons: reasonsOf(slice),
    hosts: isSmall ? resultsOf(hosts) : null,
  };
}

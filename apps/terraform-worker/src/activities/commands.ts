import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { readZipEntry } from '../plan/read-zip-entry.js';
import { planDocumentSchema, type PlanDocument } from '../plan/plan-document.js';
import { configurationDigest } from '../stack/configuration-digest.js';
import { NO_STATE, parseState, readBackend, type Backend, type StateDocument } from '../stack/state-document.js';
import { writeVariables } from '../stack/variables.js';
import { isInitialised, markInitialised } from '../stack/work-directory.js';
import { diagnose } from '../tool/diagnose.js';
import { APPLY_ENDING, READING_ENDING } from '../tool/endings.js';
import { readTool, runTool, type ToolOutcome } from '../tool/run-tool.js';
import type { Diagnostic } from '../tool/ui-message.js';
import { scratchFile, type Session } from './session.js';

/** A stack whose providers, modules and backend are ready on this worker. */
export interface ReadyStack {
  readonly backend: Backend;
  /** Digest of the configuration that the tool will read. */
  readonly configuration: string;
  /** Selects the workspace of the run. */
  readonly environment: Readonly<Record<string, string>>;
  /** Release of the engine, when init had to run. */
  readonly version: string | undefined;
}

/** What is left to be decided when a command is over. */
const failed = (
  session: Session,
  command: Parameters<typeof diagnose>[0]['command'],
  outcome: ToolOutcome,
): CodedError => diagnose({ command, stack: session.input.stack.path, ...outcome });

/**
 * Makes the stack ready: init, and the workspace of the run. Does nothing where this run has done it on this worker.
 * @param isLockFileFixed refuses to resolve providers anew
 */
export async function makeReady(session: Session, isLockFileFixed: boolean): Promise<ReadyStack> {
  const { stack, work, input, varFiles } = session;
  const at = { directory: stack.directory, dataDir: work.dataDir, workspace: input.workspace };
  const digest = (): Promise<string> => configurationDigest({ ...at, varFiles });
  const before = await digest();
  if (await isInitialised(work.dataDir, before)) {
    const backend = await readBackend(at);
    refuseLostState(session, backend);
    return { backend, configuration: before, environment: workspaceOf(backend, input.workspace), version: undefined };
  }
  const outcome = await runTool(session.tool, {
    command: 'init',
    args: ['init', '-input=false', '-json', ...(isLockFileFixed ? ['-lockfile=readonly'] : [])],
    ending: READING_ENDING,
  });
  if (outcome.exitCode !== 0) throw failed(session, 'init', outcome);
  const backend = await readBackend(at);
  refuseLostState(session, backend);
  // The local backend takes any workspace by its name; the others know only those that were made.
  if (backend.type !== 'local' && input.workspace !== 'default') {
    const selected = await runTool(session.tool, {
      command: 'workspace',
      args: ['workspace', 'select', '-or-create=true', input.workspace],
      ending: READING_ENDING,
    });
    if (selected.exitCode !== 0) throw failed(session, 'workspace', selected);
  }
  // Again: only init tells which local modules there are.
  const configuration = await digest();
  await markInitialised(work.dataDir, configuration);
  return { backend, configuration, environment: workspaceOf(backend, input.workspace), version: outcome.version };
}

/** The files of a stack from git are gone when its run is over: a state among them would be, too. */
function refuseLostState({ input, tool, sourceRoot }: Session, { stateFile }: Backend): void {
  if (sourceRoot === undefined || stateFile === null) return;
  if (path.relative(sourceRoot, stateFile).startsWith('..')) return;
  throw new CodedError(
    'TerraformConfigInvalid',
    `"${input.stack.path}" comes from git and keeps its state beside its files, where it would be lost with them; give it a backend (\`terraform { backend "http" {} }\` or another remote one). Nothing was planned by ${tool.engine.name}`,
  );
}

const workspaceOf = (backend: Backend, workspace: string): Record<string, string> =>
  backend.type === 'local' && workspace !== 'default' ? { TF_WORKSPACE: workspace } : {};

/** A plan on this disk. */
export interface MadePlan {
  readonly file: string;
  readonly bytes: Buffer;
  /** Whether there is anything to apply. */
  readonly hasChanges: boolean;
  /** What it changes; null without changes. */
  readonly document: PlanDocument | null;
  /** What `show -json` printed; null without changes. Holds secrets in clear text: never stored, never sent. */
  readonly json: string | null;
  /** The state that it was made from. */
  readonly state: StateDocument;
  readonly version: string | undefined;
}

const seconds = (ms: number): string => `${Math.ceil(ms / 1_000)}s`;

const sharedArgs = ({ input }: Session): string[] => [
  '-input=false',
  '-json',
  `-lock-timeout=${seconds(input.lockTimeout)}`,
  ...(input.parallelism === undefined ? [] : [`-parallelism=${input.parallelism}`]),
];

/**
 * Plans. A plan without changes costs no further process: there is nothing in it to be read.
 * @param more arguments beside those that every plan has
 */
export async function makePlan(session: Session, ready: ReadyStack, more: readonly string[] = []): Promise<MadePlan> {
  const { input, varFiles, vars } = session;
  const file = scratchFile(session, 'plan.tfplan');
  const variables = scratchFile(session, 'run.tfvars.json');
  await writeVariables(variables, vars);
  const outcome = await runTool(session.tool, {
    command: 'plan',
    args: [
      'plan',
      ...sharedArgs(session),
      '-detailed-exitcode',
      `-out=${file}`,
      ...more,
      ...(input.targets ?? []).map((address) => `-target=${address}`),
      ...(input.action === 'destroy' ? ['-destroy'] : []),
      ...varFiles.map((varFile) => `-var-file=${varFile}`),
      ...(Object.keys(vars).length > 0 ? [`-var-file=${variables}`] : []),
    ],
    environment: ready.environment,
    ending: READING_ENDING,
  });
  refuseUndeclared(session, outcome.diagnostics);
  if (outcome.exitCode !== 0 && outcome.exitCode !== 2) throw failed(session, 'plan', outcome);
  const bytes = await readFile(file);
  const inside = readZipEntry(bytes, 'tfstate');
  const hasChanges = outcome.exitCode === 2;
  const json = hasChanges ? await showPlan(session, file, ready) : null;
  return {
    file,
    bytes,
    hasChanges,
    document: json === null ? null : planDocumentSchema.parse(JSON.parse(json)),
    json,
    // OpenTofu may encrypt plans; then the state itself has to be asked.
    state: inside ? parseState(inside.toString('utf8'), 'the plan') : await readState(session, ready),
    version: outcome.version,
  };
}

/** A variable that the stack does not declare is only a warning for the tool, and nearly always a typing mistake. */
function refuseUndeclared({ input }: Session, diagnostics: readonly Diagnostic[]): void {
  const names = diagnostics
    .filter(({ summary }) => summary === 'Value for undeclared variable')
    .flatMap(({ detail }) => /variable named "([^"]+)"/.exec(detail)?.[1] ?? [])
    .filter((name) => Object.hasOwn(input.vars, name));
  const [name] = names;
  if (name === undefined) return;
  throw new CodedError(
    'InvalidInput',
    `vars.${name}: "${input.stack.path}" declares no variable "${name}"; remove it, or declare it`,
    {
      details: {
        problems: names.map((undeclared) => ({ path: `vars.${undeclared}`, message: 'is not declared by the stack' })),
      },
    },
  );
}

const showPlan = (session: Session, file: string, ready: ReadyStack): Promise<string> =>
  readTool(session.tool, {
    command: 'show',
    args: ['show', '-json', file],
    environment: ready.environment,
    ending: READING_ENDING,
  });

/** Reads the state that is valid now: a file for the local backend, `state pull` for all others. */
export async function readState(session: Session, ready: ReadyStack): Promise<StateDocument> {
  const { stateFile } = ready.backend;
  if (stateFile !== null) {
    const text = await readFile(stateFile, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    });
    const state = parseState(text, path.basename(stateFile));
    if (state.encrypted_data === undefined) return state;
  }
  const text = await readTool(session.tool, {
    command: 'state',
    args: ['state', 'pull'],
    environment: ready.environment,
    ending: READING_ENDING,
  });
  return text.trim() === '' ? NO_STATE : parseState(text, 'the backend');
}

/** Applies a saved plan, whatever comes of it. */
export async function runApply(
  session: Session,
  ready: ReadyStack,
  plan: { readonly file: string; readonly applyTimeVariables: readonly string[] },
): Promise<ToolOutcome> {
  const again = Object.fromEntries(
    Object.entries(session.vars).filter(([name]) => plan.applyTimeVariables.includes(name)),
  );
  const variables = scratchFile(session, 'apply.tfvars.json');
  const isGiven = Object.keys(again).length > 0;
  if (isGiven) await writeVariables(variables, again);
  return runTool(session.tool, {
    command: 'apply',
    args: ['apply', ...sharedArgs(session), ...(isGiven ? [`-var-file=${variables}`] : []), plan.file],
    environment: ready.environment,
    ending: APPLY_ENDING,
    outputFile: scratchFile(session, 'apply.out'),
  });
}

/**
 * Puts a state in the place of what the backend holds. The tool refuses one that is not newer, unless it is forced.
 * @throws TerraformPlanFailed when the backend did not take it
 */
export async function pushState(
  session: Session,
  ready: ReadyStack,
  { bytes, isForced }: { readonly bytes: Uint8Array; readonly isForced: boolean },
): Promise<void> {
  const file = scratchFile(session, 'unsaved.tfstate');
  await writeFile(file, bytes, { mode: 0o600 });
  const outcome = await runTool(session.tool, {
    command: 'state',
    args: [
      'state',
      'push',
      ...(isForced ? ['-force'] : []),
      `-lock-timeout=${seconds(session.input.lockTimeout)}`,
      file,
    ],
    environment: ready.environment,
    ending: READING_ENDING,
  });
  if (outcome.exitCode !== 0) throw failed(session, 'state', outcome);
}

/** Writes a plan that came from elsewhere to this disk, for this user alone. */
export async function placePlan(session: Session, bytes: Uint8Array): Promise<string> {
  const file = scratchFile(session, 'plan.tfplan');
  await writeFile(file, bytes, { mode: 0o600 });
  return file;
}

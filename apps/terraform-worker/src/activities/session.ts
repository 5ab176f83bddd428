import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, gitSourceOf, type RunRef, type TerraformInput } from '@switchyard/contracts';
import { createMasker, resolveInside, type Masker } from '@switchyard/process';
import { locateStack, stackLockName, type LocatedStack } from '../stack/locate-stack.js';
import { resolveVariables } from '../stack/variables.js';
import { openWorkDirectory, sourceDirectory, type WorkDirectory } from '../stack/work-directory.js';
import { eventOfMessage } from '../tool/event-of-message.js';
import type { ToolContext } from '../tool/run-tool.js';
import { cut } from '../tool/text-limits.js';
import { credentialsIn } from '../tool/tool-environment.js';
import type { UiMessage } from '../tool/ui-message.js';
import type { ToolCommand } from '../tool/diagnose.js';
import type { Attempt, TerraformDeps } from './deps.js';
import { takeStack } from './take-stack.js';

/** Everything that the commands of one attempt share. */
export interface Session {
  readonly ref: RunRef;
  readonly input: TerraformInput;
  readonly stack: LocatedStack;
  /** Where the files of a stack from git lie, which are this run's own; undefined for a directory of the worker. */
  readonly sourceRoot: string | undefined;
  readonly work: WorkDirectory;
  readonly mask: Masker;
  readonly tool: ToolContext;
  /** Variables with every secret in place: for the file that the tool reads, and for nothing else. */
  readonly vars: Readonly<Record<string, unknown>>;
  readonly varFiles: readonly string[];
  /** Writes an event of this step. */
  tell(event: {
    type: string;
    message: string;
    level?: 'info' | 'warning' | 'error';
    data?: Record<string, unknown>;
  }): Promise<void>;
  /** Removes what holds secrets on this disk. */
  close(): Promise<void>;
}

/** Options of {@link openSession}. */
export interface SessionOptions {
  readonly ref: RunRef;
  readonly input: TerraformInput;
  readonly step: 'plan' | 'apply' | 'push-state' | 'check';
  readonly attempt: Attempt;
  readonly onMessage?: (message: UiMessage, command: ToolCommand) => void;
}

/**
 * Finds stack, engine and secrets, takes the lock of the stack, and makes the directories of the attempt.
 * Whatever can be refused is refused before the lock is taken.
 */
export async function openSession(deps: TerraformDeps, options: SessionOptions): Promise<Session> {
  const { ref, input, step, attempt, onMessage } = options;
  const { stack, roots, sourceRoot } = await findStack(deps, options);
  const varFiles = await Promise.all(input.varFiles.map((file) => resolveInside(roots, file, stack.directory)));
  const engine = await deps.findEngine(input.engine);
  const mask = createMasker(credentialsIn(deps.environment));
  const vars = await resolveVariables(input.vars, deps.readSecret, mask);
  await takeStack(deps, { ...options, name: stackLockName(stack, input.workspace) });
  const work = await openWorkDirectory(deps.workDir, ref.executionId);

  const tell: Session['tell'] = ({ type, message, level = 'info', data = {} }) =>
    deps.events.write({
      runId: ref.runId,
      workflowId: ref.workflowId,
      step,
      attempt: attempt.number,
      source: 'terraform',
      type,
      level,
      message: mask.mask(message),
      data,
      at: new Date().toISOString(),
    });

  const tool: ToolContext = {
    engine,
    stack: input.stack.path,
    directory: stack.directory,
    environment: { ...deps.environment, TF_DATA_DIR: work.dataDir },
    marker: `${ref.executionId}/${ref.workflowId}/${step}-${attempt.number}`,
    mask,
    timeoutMs: input.timeout,
    signal: attempt.signal,
    ...(deps.reaper === undefined ? {} : { reaper: deps.reaper }),
    async onMessage(message, command) {
      onMessage?.(message, command);
      const event = eventOfMessage(message, command, new Date().toISOString());
      if (event === undefined) return;
      await deps.events.write({
        ...event,
        runId: ref.runId,
        workflowId: ref.workflowId,
        step,
        attempt: attempt.number,
        source: 'terraform',
      });
    },
    onText: (text, command) =>
      tell({
        type: 'line',
        message: cut(text),
        data: { command },
      }),
  };
  return {
    ref,
    input,
    stack,
    sourceRoot,
    work,
    mask,
    tool,
    vars,
    varFiles,
    tell,
    close: () => rm(work.scratch, { recursive: true, force: true }),
  };
}

/** The stack on this disk; one from git as it is in the commit of the run, with its variable files. */
async function findStack(
  { sources, roots, workDir }: TerraformDeps,
  { ref, input, attempt }: SessionOptions,
): Promise<{ readonly stack: LocatedStack; readonly roots: readonly string[]; readonly sourceRoot?: string }> {
  const { path: given, ...place } = input.stack;
  const source = gitSourceOf(place);
  if (source === undefined) return { stack: await locateStack(roots, given), roots };
  const { git, commit } = source;
  if (commit === undefined) throw new CodedError('InvalidInput', 'stack.commit: is missing; start the run anew');
  const directory = await sourceDirectory(workDir, ref.executionId);
  await sources.copy({ ...source, commit }, directory, attempt.signal);
  return { stack: await locateStack([directory], given, git), roots: [directory], sourceRoot: directory };
}

/** A file of this attempt that may hold secrets. */
export const scratchFile = (session: Session, name: string): string => path.join(session.work.scratch, name);

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnvironment, createMasker, runProgram, type EndingPlan, type Reaper } from '@switchyard/process';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { ChangeSource } from '../activities/contract.js';
import type { Call } from '../call.js';
import { assertEnded } from '../programs/assert-ended.js';
import { liquibaseEnvironment } from '../target/program-settings.js';
import { sessionName } from '../target/session-name.js';
import type { Tools } from '../tools.js';
import { settingsFile } from './settings-file.js';

/** A changelog on this worker: the name by which Liquibase knows it counts from the root, as in a call by hand there. */
export interface Changelog {
  readonly root: string;
  /** Relative to the root. */
  readonly file: string;
  readonly source: Extract<ChangeSource, { kind: 'liquibase' }>;
}

/** Options of {@link runLiquibase}. */
export interface LiquibaseCall {
  readonly call: Call;
  readonly connection: DatabaseConnection;
  readonly changelog: Changelog;
  readonly tools: Tools;
  readonly reaper: Reaper | undefined;
  readonly scratch: string;
  readonly timeoutMs: number;
  /** Gets each line of both streams, masked. */
  readonly onLine?: (text: string) => void | Promise<void>;
}

/** What came of a call that ran to its end. */
export interface LiquibaseResult {
  readonly isSuccess: boolean;
  readonly stdout: string;
  /** The lines of both streams in the order of their arrival. */
  readonly lines: readonly string[];
}

/**
 * Liquibase hears SIGTERM and waits for its statement, which the server goes on with: it gets a moment for its own
 * tidying, then it is killed, and the caller ends its session on the server.
 */
const ENDING: EndingPlan = { signals: [{ signal: 'SIGTERM', graceMs: 2_000, to: 'group' }] };

/** Fast start over peak speed: a call lives for a second, and the database does the work. */
const JVM = [
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  '-Xshare:auto',
  '-Dfile.encoding=UTF-8',
];

const MAX_LINES = 20_000;

/**
 * Runs one Liquibase command on the changelog. An exit code other than 0 is a result; an ending by time-out is TimedOut,
 * and a cancelled one throws the signal's reason.
 */
export async function runLiquibase(
  command: string,
  args: readonly string[],
  options: LiquibaseCall,
): Promise<LiquibaseResult> {
  const { call, connection, changelog, tools, scratch } = options;
  const name = sessionName(call.ref);
  // What only prints SQL may not write: `update-sql` of 4.28 really releases the lock, whoever holds it.
  const isReadOnly = command.endsWith('-sql');
  const [java, classPath, credentials] = await Promise.all([
    tools.java(),
    tools.liquibase(),
    liquibaseEnvironment({ connection, name, scratch, isReadOnly }),
  ]);
  const settings = join(scratch, `${command}.properties`);
  await writeFile(settings, settingsFile(changelog.source.parameters), { mode: 0o600 });
  const stdout: string[] = [];
  const lines: string[] = [];
  const result = await runProgram({
    command: java,
    args: [
      ...JVM,
      // Becomes part of LOCKEDBY, so that a lock left behind tells whose it was.
      `-Dliquibase.hostDescription=${name}`,
      '-cp',
      classPath,
      'liquibase.integration.commandline.LiquibaseCommandLine',
      `--defaults-file=${settings}`,
      '--search-path=.',
      '--show-banner=false',
      '--log-level=off',
      '--headless=true',
      '--changelog-lock-wait-time-in-minutes=1',
      command,
      ...(command === 'tag' ? [] : [`--changelog-file=${changelog.file}`]),
      ...args,
    ],
    cwd: changelog.root,
    env: { ...baseEnvironment(), ...credentials },
    marker: call.marker,
    mask: createMasker([connection.password.reveal()]),
    signal: call.signal,
    timeoutMs: options.timeoutMs,
    cancel: ENDING,
    ...(options.reaper ? { reaper: options.reaper } : {}),
    onLine: async (stream, text) => {
      if (stream === 'stdout' && isReadOnly) stdout.push(text);
      else if (lines.length < MAX_LINES) lines.push(text);
      if (!isReadOnly) await options.onLine?.(text);
    },
  });
  assertEnded(`Liquibase ${command}`, result, call.signal);
  return { isSuccess: result.exitCode === 0, stdout: stdout.join('\n'), lines };
}

/** Arguments that choose changesets; the same for update and everything that looks ahead. */
export function filterArguments({ source }: Changelog): string[] {
  return [
    ...(source.contexts.length > 0 ? [`--context-filter=${source.contexts.join(',')}`] : []),
    ...(source.labels === null ? [] : [`--label-filter=${source.labels}`]),
  ];
}

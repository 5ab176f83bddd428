import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { CodedError } from '@switchyard/contracts';
import type { RunResult } from '@switchyard/process';
import type { Backup } from '../activities/contract.js';
import { assertEnded } from '../programs/assert-ended.js';
import { runPostgres, type PostgresCall } from '../programs/run-postgres.js';
import type { Tools } from '../tools.js';
import { dropStatements, type CatalogObject } from './catalog.js';

/** Options of {@link restoreDump}. */
export interface RestoreCall extends PostgresCall {
  readonly backup: Backup;
  readonly tools: Tools;
  readonly serverMajor: number;
  /** Made since the backup; they go first, because they may hang on what is restored. */
  readonly added: readonly CatalogObject[];
}

/** A lock that somebody else holds must end the attempt, not stop the whole application behind it. */
const BEGIN = "begin;\nset local lock_timeout = '30s';\n";

/**
 * Puts the backup back in one transaction: what was added is dropped, and pg_restore's own script replaces every object of
 * the dump. COMMIT is sent only after pg_restore has written all of its script; until then everything is undone by the end
 * of the session.
 */
export async function restoreDump(options: RestoreCall): Promise<void> {
  const { backup, call, tools, serverMajor, added } = options;
  await checkDigest(backup, call.signal);
  const [pgRestore, psql] = [
    await tools.postgres('pg_restore', serverMajor),
    await tools.postgres('psql', serverMajor),
  ];
  const script = new PassThrough();
  const applying = runPostgres(psql, ['--no-psqlrc', '--quiet', '--no-password', '-v', 'ON_ERROR_STOP=1'], options, {
    input: script,
  });
  let isOver = false;
  void applying.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  script.on('error', () => undefined);
  const write = async (text: string | Uint8Array): Promise<void> => {
    while (!isOver && script.writableNeedDrain)
      await Promise.race([new Promise((resolve) => script.once('drain', resolve)), applying]);
    if (!isOver) script.write(text);
  };
  await write(`${BEGIN}${dropStatements(added).join('\n')}\n`);
  const writing = await runPostgres(pgRestore, ['--clean', '--if-exists', '--file=-', backup.path], options, {
    onStdoutBytes: (chunk) => write(Uint8Array.from(chunk)),
  }).catch((error: unknown) => {
    script.destroy();
    throw error;
  });
  if (writing.ended === 'exited' && writing.exitCode === 0) await write('\ncommit;\n');
  script.end();
  const applied = await applying;
  assertGood('pg_restore', writing, call.signal);
  assertGood('psql', applied, call.signal);
}

async function checkDigest({ path, sha256 }: Backup, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw new CodedError(
      'CompensationFailed',
      `the backup ${path} cannot be read on this worker: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (hash.digest('hex') !== sha256) {
    throw new CodedError(
      'CompensationFailed',
      `the backup ${path} is not what was written: its sha256 differs, so nothing was restored`,
    );
  }
}

function assertGood(what: string, result: RunResult, signal: AbortSignal): void {
  assertEnded(what, result, signal);
  if (result.exitCode === 0) return;
  throw new CodedError(
    'CompensationFailed',
    `${what}: ${result.tail.slice(-5).join('; ') || `exit code ${result.exitCode}`}; the restore was undone as a whole`,
    {
      details: { tail: result.tail.slice(-20) },
    },
  );
}

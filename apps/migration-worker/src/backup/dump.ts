import { createHash } from 'node:crypto';
import { link, open, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import type { Reaper, RunResult } from '@switchyard/process';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import { assertEnded } from '../programs/assert-ended.js';
import { runPostgres } from '../programs/run-postgres.js';
import { codeOf } from '../target/errors.js';
import type { ServerFacts } from '../target/server.js';
import type { Tools } from '../tools.js';
import type { Manifest } from './manifest.js';
import type { BackupPlace } from './place.js';

/** Options of {@link dumpDatabase}. */
export interface DumpCall {
  readonly call: Call;
  readonly connection: DatabaseConnection;
  readonly server: ServerFacts;
  readonly place: BackupPlace;
  readonly tools: Tools;
  readonly reaper: Reaper | undefined;
  readonly scratch: string;
  readonly timeoutMs: number;
  readonly now: () => Date;
}

const MEGABYTE = 1024 * 1024;

/**
 * Writes a backup in pg_dump's custom format: streamed into a part file with its digest, forced to the disk, read back by
 * pg_restore, and only then linked to its name, which never replaces a file. Nothing is left of a backup that failed.
 */
export async function dumpDatabase(options: DumpCall): Promise<Manifest> {
  const { place } = options;
  // Of an earlier attempt of this run, whose worker died.
  await unlink(place.part).catch(() => undefined);
  const file = await open(place.part, 'wx', 0o600).catch((error: unknown) => {
    throw failed(`cannot write to ${place.directory}`, error);
  });
  let isWhole = false;
  try {
    const manifest = await write(options, file);
    await writeFile(place.manifest, `${JSON.stringify(manifest, null, 2)}\n`, { flag: 'wx', mode: 0o600, flush: true });
    try {
      await link(place.part, place.dump);
    } catch (error) {
      await unlink(place.manifest).catch(() => undefined);
      throw error;
    }
    await syncDirectory(place.directory);
    isWhole = true;
    return manifest;
  } catch (error) {
    if (error instanceof CodedError || options.call.signal.aborted) throw error;
    throw failed(`the backup to ${place.directory} failed`, error);
  } finally {
    await file.close().catch(() => undefined);
    await unlink(place.part).catch((error: unknown) => {
      if (isWhole) throw failed(`the part file ${place.part} could not be removed`, error);
    });
  }
}

async function write(options: DumpCall, file: FileHandle): Promise<Manifest> {
  const { call, connection, place, server, tools, now } = options;
  const startedAt = now();
  const pgDump = await tools.postgres('pg_dump', server.major);
  const hash = createHash('sha256');
  let bytes = 0;
  const result = await runPostgres(pgDump, ['--format=custom', '--no-password', '--lock-wait-timeout=60s'], options, {
    onStdoutBytes: async (chunk) => {
      hash.update(chunk);
      await writeAll(file, chunk);
      bytes += chunk.length;
      // Custom format is compressed: the size of the database is only an upper bound.
      call.progress(
        Math.min(95, (bytes / Math.max(server.sizeBytes, 1)) * 100),
        `${megabytes(bytes)} written, database ${megabytes(server.sizeBytes)}`,
      );
    },
  });
  assertSuccess('pg_dump', result, call.signal);
  await file.sync();
  const entries = await verify(options);
  return {
    kind: 'switchyard-backup',
    version: 1,
    file: basename(place.dump),
    bytes,
    sha256: hash.digest('hex'),
    format: 'pg_dump custom',
    database: connection.database,
    host: connection.host,
    port: connection.port,
    serverVersion: server.version,
    pgDump,
    entries,
    startedAt: startedAt.toISOString(),
    endedAt: now().toISOString(),
    runId: call.ref.runId,
    executionId: call.ref.executionId,
  };
}

/** Reads the table of contents back. Returns the number of its entries. */
async function verify(options: DumpCall): Promise<number> {
  const pgRestore = await options.tools.postgres('pg_restore', options.server.major);
  let entries = 0;
  const result = await runPostgres(pgRestore, ['--list', options.place.part], options, {
    onLine: (stream, text) => {
      if (stream === 'stdout' && /^\d+;/.test(text)) entries += 1;
    },
  });
  assertSuccess('pg_restore --list', result, options.call.signal);
  return entries;
}

/** Throws BackupFailed with the program's last words unless it ended well. */
function assertSuccess(what: string, result: RunResult, signal: AbortSignal): void {
  assertEnded(what, result, signal);
  if (result.exitCode === 0) return;
  throw new CodedError(
    'BackupFailed',
    `${what}: ${result.tail.slice(-5).join('; ') || `exit code ${result.exitCode}`}`,
    {
      details: { exitCode: result.exitCode, tail: result.tail.slice(-20) },
      retryable: false,
    },
  );
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  // One write may take less than all of it, above all when the disk is nearly full.
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function failed(what: string, error: unknown): CodedError {
  const code = codeOf(error);
  const hint =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full; make room or name another SWITCHYARD_BACKUP_DIR'
      : (error as Error).message;
  return new CodedError('BackupFailed', `${what}: ${hint}; the database was not changed`, {
    cause: error,
    details: { code: code ?? null },
    retryable: false,
  });
}

function megabytes(bytes: number): string {
  return bytes < MEGABYTE ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / MEGABYTE).toFixed(1)} MB`;
}

import { readFile } from 'node:fs/promises';
import { dumpDatabase } from '../backup/dump.js';
import type { Manifest } from '../backup/manifest.js';
import { backupName } from '../backup/names.js';
import { backupDirectory, findPlace, type BackupPlace } from '../backup/place.js';
import type { Call } from '../call.js';
import { endSessions } from '../target/fence.js';
import { sessionName } from '../target/session-name.js';
import { readServer } from '../target/server.js';
import type { Backup, BackupOptions, MigrationCall } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { withTarget } from './with-target.js';

/** Writes a backup, or finds the one that an earlier attempt finished. Its manifest goes to the store. */
export async function backup(
  deps: Dependencies,
  input: MigrationCall & { readonly backup: BackupOptions },
  call: Call,
): Promise<Backup> {
  return withTarget(deps, input, call, async (target) => {
    const server = await target.look(async (session) => {
      if (call.attempt > 1) await endSessions(session, sessionName(call.ref));
      return readServer(session);
    });
    const directory = await backupDirectory(deps.backupRoot, input.backup.directory);
    const { executionId } = call.ref;
    // The same name on every attempt, so that the part file of a dead one is found and removed.
    const name = backupName({
      given: input.backup.name,
      database: server.database,
      executionId,
      now: call.scheduledAt,
    });
    const place = await findPlace(directory, name, executionId);
    const manifest =
      place.finished ??
      (await dumpDatabase({
        call,
        connection: target.connection,
        server,
        place,
        tools: deps.tools,
        reaper: deps.reaper,
        scratch: target.scratch,
        timeoutMs: input.timeoutMs,
        now: deps.now,
      }));
    return keep(deps, call, place, manifest);
  });
}

async function keep(deps: Dependencies, call: Call, place: BackupPlace, manifest: Manifest): Promise<Backup> {
  const { digest } = await deps.store.putArtifact({
    runId: call.ref.runId,
    kind: 'backup',
    name: `${manifest.file}.manifest.json`,
    contentType: 'application/json',
    content: await readFile(place.manifest),
  });
  await call.record({
    type: 'backup_finished',
    subject: place.dump,
    message: `backup of ${manifest.bytes} bytes written and verified (${manifest.entries} entries)`,
    data: { artifact: digest, bytes: manifest.bytes, sha256: manifest.sha256 },
  });
  return {
    artifact: digest,
    bytes: manifest.bytes,
    sha256: manifest.sha256,
    path: place.dump,
    verifiedEntries: manifest.entries,
  };
}

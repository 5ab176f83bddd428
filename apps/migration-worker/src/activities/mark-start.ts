import { CodedError } from '@switchyard/contracts';
import { listObjects } from '../backup/catalog.js';
import type { Call } from '../call.js';
import { openSource } from '../changes/source.js';
import { lastOrder, tagLastRow } from '../liquibase/history.js';
import { releaseDeadLock } from '../liquibase/lock.js';
import { failureReason } from '../liquibase/output.js';
import { runLiquibase } from '../liquibase/run.js';
import { heldBy, lockHolder } from '../liquibase/lock.js';
import type { MigrationCall, StartMark } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { liquibaseCall } from './preflight.js';
import { fence, withTarget, type OpenTarget } from './with-target.js';

/** Writes down where the run began: the tag in Liquibase's table, and for a restore the objects that exist now. */
export async function markStart(deps: Dependencies, input: MigrationCall, call: Call): Promise<StartMark> {
  const source = await openSource(input.changes, deps.roots);
  return withTarget(deps, input, call, async (target) => {
    if (call.attempt > 1) await fence(target.connection, call);
    // Before the tag: Liquibase's own tables are of this run's making when the tag makes them.
    const catalog = input.onFailure === 'restore' ? await keepCatalog(deps, call, target) : null;
    if (source.kind === 'sql') return { kind: 'sql', catalog };
    const wanted = `switchyard-${call.ref.executionId}`;
    const tagged = await target.look(async (session) => {
      await releaseDeadLock(session);
      return tagLastRow(session, wanted);
    });
    if (tagged === undefined) {
      // No row yet: Liquibase makes its tables and an empty first row that carries the tag.
      const result = await runLiquibase(
        'tag',
        [`--tag=${wanted}`],
        liquibaseCall(deps, input, call, target, source.changelog),
      );
      if (!result.isSuccess) {
        const holder = await target.look(lockHolder);
        if (holder) throw heldBy(holder);
        throw new CodedError(
          'MigrationFailed',
          `the tag to go back to could not be written: ${failureReason(result.lines)}; nothing was changed`,
        );
      }
    }
    const tag = tagged ?? wanted;
    const baseline = await target.look(lastOrder);
    await call.record({
      type: 'tagged',
      subject: tag,
      message: `goes back to tag ${tag} if it must`,
      data: { tag, baseline },
    });
    return { kind: 'liquibase', tag, baseline, catalog };
  });
}

async function keepCatalog(deps: Dependencies, call: Call, target: OpenTarget): Promise<string> {
  const objects = await target.look(listObjects);
  const { digest } = await deps.store.putArtifact({
    runId: call.ref.runId,
    kind: 'catalog',
    name: 'objects-before.json',
    contentType: 'application/json',
    content: JSON.stringify(objects),
  });
  return digest;
}

import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { maintain, migrate } from '@switchyard/store';

// Brings Switchyard's own tables to this release, as the migrator that DB_* names. Safe to start twice at once: one
// works, the other waits and finds nothing to do. The image of the command line holds it; a Kubernetes Job runs it.
const database = createDatabase({
  role: 'migrator',
  config: parseDatabaseConfig(process.env),
  applicationName: 'switchyard/migrate-store',
});
try {
  const { applied } = await migrate(database.knex);
  // The housekeeping of the day as well: run on a schedule, the same program keeps partitions ahead of the events.
  await maintain(database.knex);
  console.log(JSON.stringify({ applied }));
} finally {
  await database.close({ deadlineMs: 5_000 });
}

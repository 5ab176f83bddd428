// The servers alone, for programs outside a test run: nothing here needs vitest.
export {
  startPostgres,
  type PostgresForTests,
  type StartedPostgres,
  type StartPostgresOptions,
} from './postgres-server.js';
export { startTemporal, type StartedTemporal, type TemporalForTests } from './temporal-server.js';

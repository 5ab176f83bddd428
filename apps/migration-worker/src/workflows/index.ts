export { DatabaseMigrationWorkflow } from './database-migration.js';
export { BackfillPartitionWorkflow } from './schema-change/partitions.js';
export {
  migrateUsersNameSplitWorkflow,
  SchemaChangePlanWorkflow,
  SchemaChangeWorkflow,
} from './schema-change/schema-change.js';

export { DatabaseMigrationWorkflow } from './database-migration.js';
export { BackfillPartitionWorkflow } from './schema-change/work/partitions.js';
export {
  migrateUsersNameSplitWorkflow,
  SchemaChangePlanWorkflow,
  SchemaChangeWorkflow,
} from './schema-change/schema-change.js';

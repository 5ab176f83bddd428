export { DatabaseMigrationWorkflow } from './database-migration.js';

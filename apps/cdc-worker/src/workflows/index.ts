export { ChangeStreamWorkflow } from './change-stream.js';

import type { TestProject } from 'vitest/node';
import { startPostgres } from '../postgres-server.js';
import '../provided.js';

/** Global set-up of vitest: one PostgreSQL server for the whole run, found with `postgres()`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { host, port, url, user, password, stop } = await startPostgres();
  project.provide('switchyardPostgres', { host, port, url, user, password });
  return stop;
}

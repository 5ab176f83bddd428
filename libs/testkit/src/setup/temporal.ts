import type { TestProject } from 'vitest/node';
import { startTemporal } from '../temporal-server.js';
import '../provided.js';

/** Global set-up of vitest: one Temporal server for the whole run, found with `temporal()`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { address, namespace, stop } = await startTemporal();
  project.provide('switchyardTemporal', { address, namespace });
  return stop;
}

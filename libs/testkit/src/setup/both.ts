import type { TestProject } from 'vitest/node';
import postgres from './postgres.js';
import temporal from './temporal.js';

/** Global set-up of vitest: one Temporal server and one PostgreSQL server for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await Promise.allSettled([temporal(project), postgres(project)]);
  const stops = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((end) => end()));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return stop;
}

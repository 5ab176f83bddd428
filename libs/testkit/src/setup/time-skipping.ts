import { obtainTestServer } from '../time-skipping.js';

/** Global set-up of vitest: what `startTimeSkipping()` needs is fetched before the first test, whose time it would use up. */
export default async function setup(): Promise<void> {
  await obtainTestServer();
}

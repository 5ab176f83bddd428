import { obtainTools } from '../src/tools/doctor.js';

/** Global set-up of vitest: a Temporal that has to be built first would use up the time of the first test. */
export default async function setup(): Promise<void> {
  await obtainTools({ only: ['temporal'], progress: (line) => process.stderr.write(`${line}\n`) });
}

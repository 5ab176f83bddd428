import { changeStreamInputSchema, type ChangeStreamResult } from '@switchyard/contracts';
import { runWorkflow } from '@switchyard/workflow-kit';
import { Stream, type Carried } from './stream.js';

/** What a run that continues as new hands to itself. */
export interface Continued {
  readonly stream: unknown;
  readonly carried: Carried;
}

const isContinued = (given: unknown): given is Continued =>
  typeof given === 'object' && given !== null && 'carried' in given;

/**
 * One replication stream of one schema change, for as long as the change lives: opened once, turned, paused, drained and
 * stopped by signals. The stream itself is one long activity; when it fails, this workflow decides when it is tried again.
 */
export async function ChangeStreamWorkflow(given: unknown): Promise<ChangeStreamResult> {
  const [stream, carried] = isContinued(given) ? [given.stream, given.carried] : [given, null];
  return runWorkflow({
    kind: 'change-stream',
    schema: changeStreamInputSchema,
    given: stream,
    what: 'ChangeStreamWorkflow input',
    describe: ({ database, shape: { source } }) => ({
      title: `Stream of ${source.schema}.${source.name}`,
      target: `${database}:${source.schema}.${source.name}`,
      steps: [
        { id: 'open', title: 'Make publication and slot' },
        { id: 'stream', title: 'Apply changes' },
        { id: 'release', title: 'Drop slot and publication' },
      ],
    }),
    body: (run, input) => new Stream(run, input, carried).live(),
  });
}

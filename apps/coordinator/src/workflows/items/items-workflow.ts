import type { StepItem } from '@switchyard/runbook';
import { runWorkflow } from '@switchyard/workflow-kit';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { z } from 'zod';
import { chunkResult, type ChunkResult } from './aggregate.js';
import { workOnItems, type ItemsJob } from './item-work.js';

/** Told to the child workflows of a fan-out when its run is paused and resumed. */
export const PAUSE_ITEMS = 'switchyardPauseItems';

/** Characters of JSON that one chunk of a fan-out gives back. */
const MAX_CHUNK_RESULT_CHARS = 128 * 1024;

/** Input of RunbookItemsWorkflow: written and read by this app only, within one release. */
export interface ItemsInput {
  readonly job: ItemsJob;
  readonly items: readonly StepItem[];
  readonly width: number;
  readonly isPaused: boolean;
}

const schema = z.custom<ItemsInput>((value) => typeof value === 'object' && value !== null && 'job' in value);

/** Works on one chunk of a large forEach, so that the history of the run itself stays small. Started by runs only. */
export async function RunbookItemsWorkflow(given: unknown): Promise<ChunkResult> {
  let isPaused = (given as ItemsInput | undefined)?.isPaused ?? false;
  setHandler(defineSignal<[boolean]>(PAUSE_ITEMS), (value) => {
    isPaused = value;
  });
  return runWorkflow({
    kind: 'runbook-items',
    schema,
    given,
    what: 'RunbookItemsWorkflow input',
    describe: ({ job, items }) => ({
      title: `Step ${job.step}, items ${items[0]?.index ?? 0} to ${items.at(-1)?.index ?? 0}`,
      target: job.step,
      steps: [{ id: job.step, title: job.step }],
    }),
    body: async (run, { job, items, width }) => {
      const step = run.step(job.step);
      step.start();
      let done = 0;
      const onItem = (): void => step.progress(Math.floor((++done * 100) / items.length), `${done} of ${items.length}`);
      const gate = async (): Promise<void> => {
        if (isPaused) await condition(() => !isPaused);
      };
      const results = await workOnItems(run, job, items, width, onItem, gate);
      step.done();
      return chunkResult(results, MAX_CHUNK_RESULT_CHARS);
    },
  });
}

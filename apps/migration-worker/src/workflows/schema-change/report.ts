import type { SchemaChangeResult } from '@switchyard/contracts';
import { phaseOf, PHASES, type Reached } from '@switchyard/schema-change';
import type { Changing } from './changing.js';
import { STEP_OF } from './steps.js';

const STATES = Object.keys(STEP_OF) as Reached[];

/** Steps of each phase, in order. */
const STEPS_OF_PHASE = PHASES.map((phase) => ({
  phase,
  ids: STATES.filter((state) => phaseOf({ state, reached: state }) === phase).map((state) => STEP_OF[state]),
}));

/** The result as far as it is known. */
export function reportOf({ run, change, planDigest, parity, backfill, stream }: Changing): SchemaChangeResult {
  const { steps, warnings } = run.board.status;
  const phases = STEPS_OF_PHASE.map(({ phase, ids }) => {
    const ended = ids.flatMap((id) => {
      const step = steps.find((other) => other.id === id);
      if (!step?.startedAt || !step.endedAt) return [];
      const { title, startedAt, endedAt, detail = null } = step;
      return [{ id, title, startedAt, endedAt, durationMs: Date.parse(endedAt) - Date.parse(startedAt), detail }];
    });
    return { phase, durationMs: ended.reduce((sum, { durationMs }) => sum + durationMs, 0), steps: ended };
  });
  return {
    runId: run.ref.runId,
    change: change.name,
    database: change.database,
    table: `${change.source.schema}.${change.source.name}`,
    planDigest,
    phases,
    parity: [...parity],
    backfill,
    streamRows: stream?.rowsWritten ?? 0,
    warnings: [...warnings],
    durationMs: run.elapsedMs(),
  };
}

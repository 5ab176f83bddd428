/** The phases of a schema change and the steps that its status shows in each, in order. */
const STEPS = {
  Expand: ['preflight', 'expand', 'connect'],
  Backfill: ['backfill', 'index', 'prove'],
  Switch: ['cutover', 'switch-reads', 'dual-write', 'enforce', 'reverse', 'switch-writes'],
  Contract: ['cool-down', 'contract', 'close', 'drop', 'clean'],
} as const;

export const PHASES = Object.keys(STEPS);

/** Phase by step id. Steps without one belong to an abort. */
export const PHASE_OF_STEP: ReadonlyMap<string, string> = new Map(
  Object.entries(STEPS).flatMap(([phase, ids]) => ids.map((id) => [id, phase] as const)),
);

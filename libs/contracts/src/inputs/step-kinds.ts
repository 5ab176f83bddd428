/** What a kind of step can do, beside what its own schema says. */
interface StepKindTraits {
  /** Whether it may undo another step. */
  readonly undoes: boolean;
  /** Whether it tries again by itself, with more knowledge than the coordinator has. */
  readonly retriesItself: boolean;
}

/** What a step may use. Each names a workflow, an activity of the integration worker, or something the coordinator does. */
export const STEP_KIND_TRAITS = {
  ansible: { undoes: true, retriesItself: true },
  terraform: { undoes: true, retriesItself: false },
  'database-migration': { undoes: true, retriesItself: false },
  'schema-change': { undoes: false, retriesItself: false },
  kubernetes: { undoes: true, retriesItself: false },
  http: { undoes: true, retriesItself: true },
  health: { undoes: false, retriesItself: false },
  notify: { undoes: true, retriesItself: true },
  page: { undoes: true, retriesItself: true },
  ticket: { undoes: true, retriesItself: true },
  dns: { undoes: true, retriesItself: true },
  cmdb: { undoes: true, retriesItself: true },
  vm: { undoes: true, retriesItself: true },
  wait: { undoes: false, retriesItself: false },
  approval: { undoes: false, retriesItself: true },
  runbook: { undoes: true, retriesItself: false },
  workflow: { undoes: true, retriesItself: false },
} as const satisfies Readonly<Record<string, StepKindTraits>>;

export type StepKind = keyof typeof STEP_KIND_TRAITS;

/** The kinds that may undo a step. */
export type UndoKind = {
  [K in StepKind]: (typeof STEP_KIND_TRAITS)[K]['undoes'] extends true ? K : never;
}[StepKind];

export const STEP_KINDS = Object.keys(STEP_KIND_TRAITS) as readonly StepKind[];

export const UNDO_KINDS = STEP_KINDS.filter((kind): kind is UndoKind => STEP_KIND_TRAITS[kind].undoes);

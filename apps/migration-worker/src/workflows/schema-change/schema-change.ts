import {
  CodedError,
  parseOrThrow,
  SCHEMA_CHANGE_QUERIES,
  SCHEMA_CHANGE_UPDATES,
  schemaChangeSchema,
  usersNameSplitSchema,
  type SchemaChange,
  type SchemaChangePlanResult,
  type SchemaChangeResult,
  type UpdateReply,
} from '@switchyard/contracts';
import { normaliseChange, usersNameSplit, type Change, type UsersNameSplitOverrides } from '@switchyard/schema-change';
import { digestOf, runWorkflow, type Run } from '@switchyard/workflow-kit';
import { defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import { BEFORE_THE_CHANGE, patiently } from '../patience.js';
import { calls } from './calls.js';
import { ChangeRun } from './change-run.js';
import { STEPS, titleOf } from './steps.js';

/**
 * Changes the shape of a table under traffic: Expand, Backfill, Switch, Contract, with proof at every gate and a way back
 * until the drop.
 */
export async function SchemaChangeWorkflow(given: unknown): Promise<SchemaChangeResult> {
  return changeBy(given, 'SchemaChangeWorkflow input');
}

/** `users.name` to `first_name` and `last_name`: the preset, with what differs from it. */
export async function migrateUsersNameSplitWorkflow(given?: unknown): Promise<SchemaChangeResult> {
  const what = 'migrateUsersNameSplitWorkflow input';
  return runWorkflow({
    kind: 'schema-change',
    schema: usersNameSplitSchema,
    given,
    what,
    describe: () => describe(presetOf(given)),
    // The values as they were written: those with defaults filled in would replace the preset.
    check: () => void presetOf(given),
    body: (run) => live(run, presetOf(given)),
  });
}

const presetOf = (given: unknown): Change =>
  changeOf(
    parseOrThrow(schemaChangeSchema, usersNameSplit((given ?? {}) as UsersNameSplitOverrides), 'the preset'),
    'migrateUsersNameSplitWorkflow input',
  );

function changeBy(given: unknown, what: string): Promise<SchemaChangeResult> {
  return runWorkflow({
    kind: 'schema-change',
    schema: schemaChangeSchema,
    given,
    what,
    check: (input) => void changeOf(input, what),
    describe: (input) => describe(changeOf(input, what)),
    body: (run, input) => live(run, changeOf(input, what)),
  });
}

/** Says what a change would do, and makes nothing. */
export async function SchemaChangePlanWorkflow(given: unknown): Promise<SchemaChangePlanResult> {
  const what = 'SchemaChangePlanWorkflow input';
  const step = 'preflight';
  return runWorkflow({
    kind: 'schema-change-plan',
    schema: schemaChangeSchema,
    given,
    what,
    check: (input) => void changeOf(input, what),
    describe: (input) => {
      const { title, target } = describe(changeOf(input, what));
      return { title: `Plan of ${title}`, target, steps: [{ id: step, title: 'Look at the database, plan' }] };
    },
    body: async (run, input) => {
      const planned = await run.inStep(step, () =>
        patiently(run, step, BEFORE_THE_CHANGE, () =>
          calls.short.planSchemaChange({ ref: run.ref, step, change: changeOf(input, what) }),
        ),
      );
      return {
        runId: run.ref.runId,
        passed: planned.passed,
        findings: [...planned.findings],
        planDigest: planned.passed ? digestOf(planned.plan) : null,
        plan: planned.passed ? planned.plan : null,
      };
    },
  });
}

/** The normal form of what was written. @throws InvalidInput with every problem and its place */
function changeOf(written: SchemaChange, what: string): Change {
  const normalised = normaliseChange(written);
  if (normalised.ok) return normalised.value;
  const { problems } = normalised;
  const words = problems.map(({ path, message }) => `${path}: ${message}`);
  throw new CodedError('InvalidInput', `${what}: ${words.join('; ')}`, { details: { problems } });
}

function describe(change: Change): { title: string; target: string; steps: { id: string; title: string }[] } {
  return {
    title: titleOf(change),
    target: `${change.database}:${change.source.schema}.${change.source.name}`,
    steps: [...STEPS],
  };
}

async function live(run: Run, change: Change): Promise<SchemaChangeResult> {
  const changing = new ChangeRun(run, change);
  run.phase('Expand');
  setHandler(defineQuery(SCHEMA_CHANGE_QUERIES.abortPreview), () => changing.abortPreview);
  setHandler(defineQuery(SCHEMA_CHANGE_QUERIES.report), () => changing.report);
  setHandler(defineQuery(SCHEMA_CHANGE_QUERIES.plan), () => changing.plan);
  const read = (given: unknown) => parseOrThrow(SCHEMA_CHANGE_UPDATES.tune, given, 'update tune');
  setHandler(
    defineUpdate<UpdateReply, [unknown]>('tune'),
    (given) => {
      changing.tune(read(given));
      return { accepted: true, message: 'the backfill goes on with it' };
    },
    { validator: (given) => void read(given) },
  );
  return changing.live();
}

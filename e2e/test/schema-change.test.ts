import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunStatus, SchemaChangeResult } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandLine } from '../src/checkout.js';
import { openGate } from '../src/open-gate.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

const FOLDER = 'schema-change';
let checkout: CommandLine;
let stack: OpenStack;

/** A change of a table of its own, with times that keep no test waiting; nobody acknowledges. */
const change = (table: string, more = ''): string => `apiVersion: switchyard.dev/v1
kind: SchemaChange
metadata: { name: ${table}-split }
spec:
  database: app
  table: public.${table}
  presets: [{ kind: split-column, column: name, into: [first_name, last_name] }]
  notNull: [first_name]
  switch: { readFlag: ${table}.read, writeFlag: ${table}.write, settle: 200ms }
  gates: { maxLagSeconds: 5, minStableSeconds: 1, coolDown: 1s }
${more}`;

const makeTable = async (table: string, key = 'primary key'): Promise<void> => {
  await stack.app.knex.raw(
    `create table public.${table} (id bigint generated always as identity ${key}, name text not null)`,
  );
  await stack.app.knex.raw(`insert into public.${table} (name) select 'Ada ' || n from generate_series(1, 2000) n`);
};
const columnsOf = async (table: string): Promise<string[]> => {
  const { rows } = await stack.app.knex.raw<{ rows: { name: string }[] }>(
    `select attname as name from pg_attribute where attrelid = 'public.${table}'::regclass and attnum > 0
    and not attisdropped order by attnum`,
  );
  return rows.map(({ name }) => name);
};

interface Shown {
  readonly status: RunStatus;
  readonly stream: string | null;
  readonly startedBy: string | null;
  readonly next: readonly { readonly text: string; readonly command?: string }[];
}

const shownOf = async (runId: string): Promise<Shown> =>
  (await checkout.json<Shown>(['schema-change', 'status', runId])).value;

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack(FOLDER));
});
afterAll(() => stack.close());

const runs = async (): Promise<unknown[]> =>
  (await checkout.json<unknown[]>(['runs', 'list', '--kind', 'schema-change'])).value;

describe('the stack', () => {
  it('runs the cdc-worker, and status --json lists it with its queue', async () => {
    const { value } = await checkout.json<{ workers: { name: string; taskQueue: string; state: string }[] }>([
      'status',
    ]);
    expect(value.workers).toContainEqual(
      expect.objectContaining({ name: 'cdc-worker', taskQueue: 'cdc-queue', state: 'running' }),
    );
  });
});

describe('a change that is wrong', () => {
  it.each([
    ['unknown.yaml', change('t').replace('notNull', 'notNul'), /^unknown\.yaml:8:3: .*notNul/m],
    ['yaml.yaml', 'spec: [\n', /^yaml\.yaml:2:1: YAML/m],
    ['meaning.yaml', change('t', '  drop: [first_name]\n'), /^meaning\.yaml:\d+:\d+: spec/m],
  ])('%s is refused with file, line and column, and nothing is started', async (file, text, words) => {
    const before = await runs();
    await writeFile(join(checkout.folder, file), text);
    for (const command of ['plan', 'start']) {
      const { code, stderr } = await checkout.cli(['schema-change', command, '-f', file]);
      expect(code).toBe(2);
      expect(stderr.replaceAll(/^ +/gm, '')).toMatch(words);
    }
    const { code, stdout } = await checkout.cli(['schema-change', 'validate', file]);
    expect([code, stdout]).toEqual([2, expect.stringMatching(words)]);
    expect(await runs()).toEqual(before);
  });

  it.each([
    [['plan'], 'InvalidInput', 2, '--file'],
    [['plan', '-f', 'nowhere.yaml'], 'NotFound', 2, 'nowhere.yaml'],
    [['start', '--preset', 'users-name-split', '--input', '{"tabel": "x"}'], 'InvalidInput', 2, 'table'],
    [['status', 'no-such-run'], 'NotFound', 2, 'no-such-run'],
    [['abort', 'no-such-run'], 'InvalidInput', 2, '--dry-run'],
    [['tune', 'no-such-run', '--throttle', 'lockWaitrs=1'], 'InvalidInput', 2, 'lockWaiters'],
  ] as const)('%j fails with %s and exit code %i', async (words, code, exit, word) => {
    const seen = await checkout.json<{ error: { code: string; message: string } }>(['schema-change', ...words]);
    expect(seen.value.error).toMatchObject({ code, message: expect.stringContaining(word) as string });
    expect(seen.code).toBe(exit);
  });

  it('is planned with its obstacle and the fix, and exit code 3', async () => {
    await makeTable('keyless', '');
    await writeFile(join(checkout.folder, 'keyless.yaml'), change('keyless'));
    const { code, value } = await checkout.json<{ passed: boolean; findings: { code: string; fix: string }[] }>([
      'schema-change',
      'plan',
      '-f',
      'keyless.yaml',
    ]);
    expect(code).toBe(3);
    expect(value.passed).toBe(false);
    expect(value.findings).toContainEqual(
      expect.objectContaining({ level: 'obstacle', code: 'no-key', fix: expect.stringMatching(/./) as string }),
    );
    expect(await columnsOf('keyless')).toEqual(['id', 'name']);
  });
});

describe('a change from the command line', () => {
  it('is planned, started, shown, approved at both gates by another person, and reported', async () => {
    await makeTable('callers');
    await writeFile(join(checkout.folder, 'callers.yaml'), change('callers'));
    const planned = await checkout.cli(['schema-change', 'plan', '-f', 'callers.yaml', '--sql']);
    expect(planned.code, planned.stderr).toBe(0);
    expect(planned.stdout).toMatch(/ACCESS EXCLUSIVE on public\.callers for a moment/);
    expect(planned.stdout).toMatch(/plan sha256:[0-9a-f]{64}/);
    expect(planned.stdout).toContain('add column');
    expect(await columnsOf('callers')).toEqual(['id', 'name']);

    const started = await checkout.json<{ runId: string }>([
      'schema-change',
      'start',
      '-f',
      'callers.yaml',
      '--id',
      'callers-1',
      '--as',
      'olga',
    ]);
    expect(started.code, started.stderr).toBe(0);
    const { evidence } = await openGate(stack.client, 'callers-1', 'cutover');
    const shown = await shownOf('callers-1');
    expect(shown).toMatchObject({
      startedBy: 'olga',
      stream: expect.stringContaining('forward') as string,
      status: { phase: 'Switch', state: 'waiting' },
      next: [{ command: 'switchyard schema-change approve callers-1' }],
    });
    const text = await checkout.cli(['schema-change', 'status', 'callers-1']);
    expect(text.stdout).toMatch(/✓ pass +rows that differ +at most 0 +0/);

    const approve = (...words: string[]): Promise<{ code: number | null; value: { error?: { message: string } } }> =>
      checkout.json(['schema-change', 'approve', 'callers-1', ...words]);
    expect((await approve('--as', 'anton')).code).toBe(2);
    const moved = await approve('--as', 'anton', '--evidence', `sha256:${'0'.repeat(64)}`);
    expect([moved.code, moved.value.error?.message]).toEqual([3, expect.stringContaining('look again')]);
    const own = await approve('--as', 'olga', '--yes');
    expect([own.code, own.value.error?.message]).toEqual([3, expect.stringContaining('may not approve')]);
    expect((await approve('--gate', 'contract', '--yes')).code).toBe(3);
    expect((await approve('--as', 'anton', '--evidence', evidence, '--reason', 'looked')).code).toBe(0);

    await openGate(stack.client, 'callers-1', 'contract');
    const gates = await checkout.cli(['schema-change', 'gates', 'callers-1']);
    expect(gates.stdout).toMatch(/Gate cutover: approved[\s\S]*approved by anton \(cli\)[\s\S]*Gate contract: open/);
    expect((await approve('--as', 'anton', '--yes')).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', 'callers-1'])).code).toBe(0);
    expect(await columnsOf('callers')).toEqual(['id', 'first_name', 'last_name']);

    const { code, value } = await checkout.json<{ report: SchemaChangeResult }>([
      'schema-change',
      'report',
      'callers-1',
    ]);
    expect(code).toBe(0);
    expect(value.report.phases.map(({ phase }) => phase)).toEqual(['Expand', 'Backfill', 'Switch', 'Contract']);
    expect(value.report.backfill?.rows).toBe(2_000);
    expect(value.report.parity.every(({ rows, differing }) => rows === 2_000 && differing === 0)).toBe(true);
    const report = await checkout.cli(['schema-change', 'report', 'callers-1']);
    expect(report.stdout).toContain('nothing was left behind');
    const late = await checkout.json(['schema-change', 'abort', 'callers-1', '--dry-run']);
    expect(late.code).toBe(3);
  });

  it('shows what an abort does before it does it, and ends with exit code 5 and the table as it was', async () => {
    await makeTable('members');
    await writeFile(join(checkout.folder, 'members.yaml'), change('members'));
    await checkout.json(['schema-change', 'start', '-f', 'members.yaml', '--id', 'members-1', '--as', 'olga']);
    await openGate(stack.client, 'members-1', 'cutover');
    const tuned = await checkout.json([
      'schema-change',
      'tune',
      'members-1',
      '--chunk-target',
      '10ms',
      '--throttle',
      'lockWaiters=off',
    ]);
    expect(tuned.code, tuned.stderr).toBe(0);
    const dry = await checkout.json<{ preview: { possible: boolean; actions: { action: string }[] } }>([
      'schema-change',
      'abort',
      'members-1',
      '--dry-run',
    ]);
    expect(dry.code).toBe(0);
    expect(dry.value.preview.actions.map(({ action }) => action)).toEqual([
      'stop-stream',
      'drop-new-shape',
      'drop-control',
      'verify',
    ]);
    expect(await columnsOf('members')).toEqual(['id', 'name', 'first_name', 'last_name']);
    const words = ['schema-change', 'abort', 'members-1', '--reason', 'not today'];
    expect((await checkout.json(words)).code).toBe(2);
    expect((await checkout.json([...words, '--yes', '--as', 'olga'])).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', 'members-1'])).code).toBe(5);
    expect(await columnsOf('members')).toEqual(['id', 'name']);
    const { rows } = await stack.app.knex.raw<{ rows: unknown[] }>(
      `select slot_name from pg_replication_slots where slot_name like '%members%'`,
    );
    expect(rows).toEqual([]);
    expect((await checkout.cli(['schema-change', 'report', 'members-1'])).stdout).toContain('olga aborted: not today');
  });
});

describe('a change as a step of a runbook', () => {
  const RUNBOOK = '../examples/runbooks/schema-change.yaml';

  it('runs the file that the step names; its gates are approved under the id of the step, or of the runbook', async () => {
    await makeTable('guests');
    await writeFile(join(checkout.folder, 'guests.yaml'), change('guests'));
    const begin = [
      'run',
      'runbook',
      RUNBOOK,
      '--set',
      `change=${FOLDER}/guests.yaml`,
      '--id',
      'book-1',
      '--as',
      'olga',
    ];
    const started = await checkout.json(begin);
    expect(started.code, started.stderr).toBe(0);
    const approvals = [
      ['schema-change', 'approve', 'book-1/split', '--gate', 'cutover'],
      // The run that people started shows the gate of its child, and finds it.
      ['approve', 'book-1', '--gate', 'contract'],
    ];
    for (const words of approvals) {
      await waitFor(
        async () => ((await checkout.json([...words, '--as', 'anton', '--yes'])).code === 0 ? true : undefined),
        {
          timeoutMs: 90_000,
          intervalMs: 250,
          what: words.join(' '),
        },
      );
    }
    expect((await checkout.json(['runs', 'watch', 'book-1'])).code).toBe(0);
    expect(await columnsOf('guests')).toEqual(['id', 'first_name', 'last_name']);
    expect((await checkout.json(['schema-change', 'report', 'book-1/split'])).code).toBe(0);
  });

  it.each([
    [`${FOLDER}/nowhere.yaml`, '', 'NotFound', 'nowhere.yaml'],
    ['../outside.yaml', '', 'PathRefused', 'SWITCHYARD_PROJECT_ROOTS'],
    [`${FOLDER}/wrong.yaml`, change('guests').replace('notNull', 'notNul'), 'InvalidInput', 'wrong.yaml:8:3'],
  ])('fails for the file %s with its code, and changes nothing', async (file, text, code, word) => {
    if (text !== '') await writeFile(join(checkout.root, file), text);
    const { value } = await checkout.json<{ error: { code: string; message: string } }>([
      'run',
      'runbook',
      RUNBOOK,
      '--set',
      `change=${file}`,
      '--wait',
    ]);
    expect(value.error).toMatchObject({ code, message: expect.stringContaining(word) as string });
  });
});

import { SCHEMA_CHANGE_QUERIES, type RunStatus, type SchemaChangeGiven } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { startApplication, type Application, type WriteMode } from '../src/application.js';
import {
  abort,
  approve,
  failureOf,
  gateOf,
  isInStep,
  nameSplit,
  resultOf,
  startChange,
  waitForStatus,
} from '../src/change.js';
import { catalogOf, makeUsers, originsOf, wrongInOldShape } from '../src/people.js';
import { useWorld } from '../src/use-world.js';

const world = useWorld();

interface Case {
  readonly where: string;
  readonly spec?: Partial<SchemaChangeGiven['spec']>;
  /** Gates that are approved on the way there. */
  readonly gates?: readonly ('cutover' | 'contract')[];
  readonly isThere: (status: RunStatus) => boolean;
  /** How the application writes there. */
  readonly mode: WriteMode;
  readonly undoes: readonly RegExp[];
}

/** Long enough to be met on a busy machine; the abort ends it. */
const SETTLES = { readFlag: 'users-read', writeFlag: 'users-write', settle: '6s' };
const isSettling =
  (step: string) =>
  (status: RunStatus): boolean =>
    isInStep(status, step) && status.waitingFor?.name === 'settle';

const CASES: readonly Case[] = [
  {
    where: 'in the backfill',
    spec: { backfill: { throttle: { diskFreeBytes: 1e18 } } },
    isThere: (status) => isInStep(status, 'backfill'),
    mode: 'old',
    undoes: [/stream/i, /drop first_name, last_name/i],
  },
  {
    where: 'at the gate cutover',
    isThere: (status) => gateOf(status, 'cutover')?.state === 'open',
    mode: 'old',
    undoes: [/idx_users_last_name/, /drop first_name, last_name/i],
  },
  {
    where: 'while readers go over',
    spec: { switch: { ...SETTLES, rollout: [10, 100] } },
    gates: ['cutover'],
    isThere: isSettling('switch-reads'),
    mode: 'old',
    undoes: [/read/i, /drop first_name, last_name/i],
  },
  {
    where: 'while writers go over to both shapes',
    spec: { switch: SETTLES },
    gates: ['cutover'],
    isThere: isSettling('dual-write'),
    mode: 'both',
    undoes: [/writ/i, /drop first_name, last_name/i],
  },
  {
    where: 'after writers left the old shape',
    gates: ['cutover'],
    isThere: (status) => gateOf(status, 'contract')?.state === 'open',
    mode: 'new',
    undoes: [/back/i, /not null/i, /drop first_name, last_name/i],
  },
];

/** A writer looks at the flag before its next write, so it follows a flip a moment later. */
const follows = (application: Application, mode: WriteMode): Promise<boolean> =>
  waitFor(() => application.mode() === mode, { what: `the application to write ${mode}` });

describe('an abort', () => {
  it.each(CASES)(
    '$where keeps what was written, and leaves the table as it was',
    async ({ spec, gates, isThere, mode, undoes }) => {
      const { target } = world();
      await makeUsers(target, 2000);
      const [before, origins] = [await catalogOf(target), await originsOf(target)];
      await using application = await startApplication(world());
      const run = await startChange(
        world(),
        nameSplit({ indexes: [{ name: 'idx_users_last_name', columns: ['last_name'] }], ...spec }),
      );
      for (const gate of gates ?? []) await approve(run, gate);
      await waitForStatus(run, 'the place of the abort', isThere);
      await follows(application, mode);
      const preview = await run.query<{ possible: boolean; actions: { title: string }[] }>(
        SCHEMA_CHANGE_QUERIES.abortPreview,
      );
      expect(preview.possible).toBe(true);

      await abort(run, 'changed our mind');
      const failure = await failureOf(resultOf(run));
      expect(failure.code).toBe('Aborted');
      expect(failure.message).toContain('changed our mind');
      expect(failure.details['undone']).toEqual(preview.actions.map(({ title }) => title));
      const undone = preview.actions.map(({ title }) => title).join('\n');
      for (const words of undoes) expect(undone).toMatch(words);
      await follows(application, 'old');
      const traffic = await application.stop();

      expect(traffic.failures).toEqual([]);
      expect(await wrongInOldShape(target)).toEqual([]);
      expect(await catalogOf(target)).toEqual(before);
      expect(await originsOf(target)).toEqual(origins);
    },
  );

  it('is refused after the drop has begun', async () => {
    const { target } = world();
    await makeUsers(target, 100);
    const reader = await world().target.connect();
    const run = await startChange(world(), nameSplit());
    await approve(run, 'cutover');
    await waitForStatus(run, 'gate contract', (status) => gateOf(status, 'contract')?.state === 'open');
    await reader.query('begin; select count(*) from users');
    await approve(run, 'contract');
    await waitForStatus(run, 'the drop', (status) => isInStep(status, 'drop'));
    await expect(abort(run, 'too late')).rejects.toThrow(/being dropped/);
    await reader.query('commit');
    await reader.end();
    await expect(resultOf(run)).resolves.toMatchObject({ table: 'public.users' });
  });
});

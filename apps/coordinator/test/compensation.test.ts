import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, startHarness, type Harness } from './harness.js';

const undo = (playbook: string): object => ({ uses: 'ansible', with: { playbook } });
const play = (id: string, playbook: string, more: object = {}): object => ({
  id,
  uses: 'ansible',
  with: { playbook },
  ...more,
});

describe('compensation', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  it('undoes what was done, newest first, the failed step too, which may have half happened', async () => {
    const handle = await harness.start([
      {
        id: 'net',
        uses: 'terraform',
        with: { stack: { path: 'net' } },
        compensate: { uses: 'terraform', with: { stack: { path: 'net' }, action: 'destroy' } },
      },
      play('skipped', 's.yml', { when: false, compensate: undo('undo-s.yml') }),
      play('a', 'a.yml', {
        needs: ['net'],
        compensate: undo('undo-a-${{ steps.a.result.verdict }}-${{ steps.net.result.stateSerial }}.yml'),
      }),
      play('b', 'fail.yml', { needs: ['a'], onFailure: 'compensate', compensate: undo('undo-b.yml') }),
      play('never', 'n.yml', { needs: ['b'], compensate: undo('undo-n.yml') }),
    ]);
    const failure = await failureOf(handle.result());
    expect(harness.notesOf(handle)).toEqual([
      'net',
      'a.yml',
      'fail.yml',
      'undo-b.yml',
      'undo-a-successful-1.yml',
      'destroy net',
    ]);
    expect(failure).toMatchObject({
      code: 'AnsibleHostsFailed',
      details: {
        steps: {
          net: { outcome: 'compensated' },
          a: { outcome: 'compensated' },
          b: { outcome: 'failed' },
          skipped: { outcome: 'skipped' },
          never: { outcome: 'skipped' },
        },
        compensation: [
          { step: 'b', error: null },
          { step: 'a', error: null },
          { step: 'net', error: null },
        ],
      },
    });
    const status = await harness.statusOf(handle);
    expect(status.steps.map((step) => step.state)).toEqual([
      'compensated',
      'skipped',
      'compensated',
      'failed',
      'skipped',
    ]);
  });

  it('goes on after one that fails, and the run then says that something is left', async () => {
    const handle = await harness.start(
      [
        play('a', 'a.yml', { compensate: undo('undo-a.yml') }),
        play('b', 'b.yml', { needs: ['a'], compensate: undo('fail-undo.yml') }),
        play('c', 'c.yml', { needs: ['b'], compensate: undo('undo-${{ steps.c.result.nope }}.yml') }),
        play('d', 'fail.yml', { needs: ['c'] }),
      ],
      { book: { onFailure: 'compensate' } },
    );
    const failure = await failureOf(handle.result());
    expect(harness.notesOf(handle).slice(4)).toEqual(['fail-undo.yml', 'undo-a.yml']);
    expect(failure).toMatchObject({
      code: 'CompensationFailed',
      message: expect.stringMatching(/^step "d": .*; and "c", "b" could not be undone/) as string,
      details: {
        cause: { step: 'd', code: 'AnsibleHostsFailed' },
        steps: { a: { outcome: 'compensated' }, b: { outcome: 'successful' }, d: { outcome: 'failed' } },
        compensation: [
          { step: 'c', error: { code: 'InvalidInput' } },
          { step: 'b', error: { code: 'AnsibleHostsFailed' } },
          { step: 'a', error: null },
        ],
      },
    });
  });

  it('waits until everything under way is at rest', async () => {
    const handle = await harness.start([
      play('a', 'brief.yml', { compensate: undo('undo-a.yml') }),
      play('b', 'fail.yml', { onFailure: 'compensate' }),
    ]);
    expect((await failureOf(handle.result())).details).toMatchObject({ steps: { a: { outcome: 'compensated' } } });
    expect(harness.notesOf(handle).at(-1)).toBe('undo-a.yml');
  });
});

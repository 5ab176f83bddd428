import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, startHarness, type Harness } from './harness.js';

const wait = { uses: 'wait', with: { for: 1 } };

describe('a runbook that cannot run', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  const refused: readonly [string, object[], object, RegExp][] = [
    [
      'a cycle',
      [
        { id: 'a', ...wait, needs: ['b'] },
        { id: 'b', ...wait, needs: ['a'] },
      ],
      {},
      /wait for each other: a -> b -> a/,
    ],
    [
      'an unknown need',
      [
        { id: 'network', ...wait },
        { id: 'b', ...wait, needs: ['netwrok'] },
      ],
      {},
      /no step "netwrok"; did you mean "network"/,
    ],
    [
      'an undefined reference',
      [{ id: 'a', uses: 'ansible', with: { playbook: '${{ inputs.bok }}' } }],
      { inputs: { book: { type: 'string', default: 'x' } } },
      /no input "bok"; did you mean "book"/,
    ],
    [
      'a wrong type',
      [{ id: 'a', uses: 'ansible', with: { playbook: 'a.yml', check: 'yes' } }],
      {},
      /steps\[0\]\.with\.check: must be boolean, got "yes"/,
    ],
    [
      'a secret in a text',
      [{ id: 'a', uses: 'http', with: { url: 'http://x', headers: { authorization: 'Bearer ${{ inputs.token }}' } } }],
      { inputs: { token: { type: 'string', secret: true, default: { $secret: 'x' } } } },
      /steps\[0\]\.with\.headers\.authorization: the secret "token" cannot be part of a text/,
    ],
    ['an unknown kind', [{ id: 'a', uses: 'anisble' }], {}, /steps\[0\]\.uses: must be one of/],
    ['a syntax error', [{ id: 'a', ...wait, when: '1 +' }], {}, /"1 \+" is not CEL/],
    ['an unknown field', [{ id: 'a', ...wait, need: ['b'] }], {}, /unknown field "need"; did you mean "needs"/],
  ];
  it.each(refused)('is refused before anything starts: %s', async (_what, steps, book, message) => {
    const handle = await harness.start(steps, { book });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('InvalidInput');
    expect(failure.message).toMatch(message);
    expect(harness.notesOf(handle)).toEqual([]);
  });

  it('is refused with all its problems at once', async () => {
    const { message } = await failureOf(harness.run([{ id: 'a', ...wait, needs: ['x', 'y'], when: 'z' }]));
    expect(message.split('; ').length).toBeGreaterThanOrEqual(3);
  });

  it('is refused for inputs that do not fit', async () => {
    const book = { inputs: { count: { type: 'integer' } } };
    expect(
      await failureOf(harness.run([{ id: 'a', ...wait }], { book, inputs: { count: 'three', cuont: 1 } })),
    ).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/has no input "cuont"; did you mean "count".*count: must be an integer/) as string,
    });
  });

  it('is refused when it is nothing at all', async () => {
    for (const args of [[], [null], [{}]]) {
      const handle = await harness.client.workflow.start('RunbookWorkflow', {
        taskQueue: 'coordinator-queue',
        workflowId: `bad-${Math.random()}`,
        args,
      });
      expect((await failureOf(handle.result())).code).toBe('InvalidInput');
    }
  });

  it('fails at a step whose value cannot be evaluated, with the place', async () => {
    const failure = await failureOf(
      harness.run([
        { id: 'a', ...wait },
        { id: 'b', uses: 'ansible', needs: ['a'], with: { playbook: '${{ steps.a.result.nope }}' } },
      ]),
    );
    expect(failure).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(
        'step "b", with.playbook: cannot evaluate "steps.a.result.nope": No such key: nope',
      ) as string,
    });
  });

  it('fails at a queue that no worker polls, in place of waiting for ever', async () => {
    const failure = await failureOf(
      harness.run([{ id: 'a', uses: 'workflow', with: { type: 'X', taskQueue: 'nobody-here', startTimeout: 500 } }]),
    );
    expect(failure).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('no worker polls task queue "nobody-here"') as string,
    });
  });
});

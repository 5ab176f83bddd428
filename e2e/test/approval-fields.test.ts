import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CommandLine } from '../src/checkout.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

let checkout: CommandLine;
let stack: OpenStack;

const BOOK = `apiVersion: switchyard.dev/v1
kind: Runbook
metadata: { name: ask }
steps:
  - id: go
    uses: approval
    with:
      title: Release?
      fields:
        version: { type: string, pattern: '[0-9.]+' }
        window: { type: string, enum: ['1', '2'] }
        ratio: { type: number, max: 2 }
        size: { type: integer, enum: [3, 5] }
        quick: { type: boolean }
        note: { type: string, required: false }
`;

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack('approval-fields'));
  await writeFile(join(checkout.folder, 'ask.yaml'), BOOK);
});
afterAll(() => stack.close());

it('answers of approve --field are read by the types of the gate', { timeout: 240_000 }, async () => {
  const started = await checkout.json(['run', 'runbook', 'ask.yaml', '--as', 'ann']);
  const { runId } = started.value as { readonly runId: string };
  const approve = (...answers: readonly string[]): Promise<{ code: number | null; value: unknown }> =>
    checkout.json(['approve', runId, '--yes', '--as', 'bob', ...answers.flatMap((answer) => ['--field', answer])]);
  const refusal = (text: string): object => ({
    code: 3,
    value: { error: { message: expect.stringContaining(text) as string } },
  });
  await waitFor(async () => ((await approve()).code === 3 ? true : undefined), {
    intervalMs: 250,
    what: 'the gate to open',
  });

  expect(await approve('version=1.4')).toMatchObject(refusal('asks for "window"'));
  expect(await approve('versoin=1.4')).toMatchObject(refusal('did you mean "version"?'));
  expect(await approve('window=3')).toMatchObject(refusal('must be one of "1", "2", got "3"'));
  expect(await approve('ratio=high')).toMatchObject(refusal('answer "ratio" must be a number, got "high"'));
  expect(await approve('ratio=2.5')).toMatchObject(refusal('must be at most 2, got 2.5'));
  expect(await approve('size=4')).toMatchObject(refusal('must be one of 3, 5, got 4'));
  expect(await approve('quick=yes')).toMatchObject(refusal('answer "quick" must be a boolean, got "yes"'));
  expect(await approve('quick')).toMatchObject({ code: 2 });
  const answers = ['version=1.4', 'window=1', 'ratio=1.4', 'size=3', 'quick=true', 'note=true'];
  expect(await approve(...answers)).toMatchObject({ code: 0 });
  expect((await checkout.json(['runs', 'watch', runId])).code).toBe(0);
  const { value } = await checkout.json(['runs', 'show', runId]);
  expect(value).toMatchObject({
    view: { gates: [{ answers: { version: '1.4', window: '1', ratio: 1.4, size: 3, quick: true, note: 'true' } }] },
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventRuleStatusSchema, type EventRuleStatus } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandLine } from '../src/checkout.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

let checkout: CommandLine;
let stack: OpenStack;

const head = (kind: string, name: string): string =>
  `apiVersion: switchyard.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\n`;
const BOOK = `${head('Runbook', 'answer')}inputs: { host: { type: string } }
steps:
  - id: go
    uses: approval
    with: { title: 'Scale out \${{ inputs.host }}?', fields: { pause: { type: string, enum: [10ms, 1h] } } }
  - { id: rest, uses: wait, needs: [go], with: { for: '\${{ steps.go.result.fields.pause }}' } }
`;
const rule = (when: string): string => `${head('EventRule', 'cpu')}when: ${when}
groupBy: event.host
for: 1s
cooldown: 1h
runbook: answer.yaml
inputs: { host: '\${{ firing.group }}' }
`;

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack('event-rules'));
  await writeFile(join(checkout.folder, 'answer.yaml'), BOOK);
  await writeFile(join(checkout.folder, 'cpu.yaml'), rule('event.cpu > 90'));
  await writeFile(join(checkout.folder, 'broken.yaml'), rule('cpu > 90'));
});
afterAll(() => stack.close());

const show = async (): Promise<EventRuleStatus> =>
  eventRuleStatusSchema.parse((await checkout.json(['rules', 'show', 'cpu'])).value);
const ok = async (...words: string[]): Promise<unknown> => {
  const { code, value, stderr } = await checkout.json(words);
  expect(code, JSON.stringify(value) + stderr).toBe(0);
  return value;
};

describe('an event rule from the command line', { timeout: 240_000 }, () => {
  it('is refused with file, line and column when it is wrong', async () => {
    const { code, stdout } = await checkout.cli(['rules', 'validate', 'broken.yaml']);
    expect([code, stdout]).toEqual([2, expect.stringContaining('broken.yaml:4:1: when: "cpu > 90": Unknown variable')]);
    expect(await checkout.json(['rules', 'apply', 'broken.yaml'])).toMatchObject({ code: 2 });
    expect(await checkout.json(['rules', 'show', 'cpu'])).toMatchObject({
      code: 2,
      value: { error: { code: 'NotFound' } },
    });
  });

  it('fires once after its worker was killed, and its run waits for a person and takes the answers', async () => {
    await ok('rules', 'apply', 'cpu.yaml', '--as', 'ann');
    // Paused until both are there, however long a call of the command line takes here.
    await ok('rules', 'pause', 'cpu', '--reason', 'maintenance');
    for (const id of ['a', 'a', 'b'])
      await ok('rules', 'send-event', 'cpu', '--id', id, '--set', 'host=web1', '--set', 'cpu=91');
    const status = await ok('status');
    const { workers } = status as { readonly workers: readonly { readonly name: string; readonly pid: number }[] };
    process.kill(workers.find(({ name }) => name === 'coordinator')?.pid ?? 0, 'SIGKILL');
    await ok('rules', 'resume', 'cpu');
    const fired = await waitFor(
      async () => {
        const now = await show().catch(() => undefined);
        return now?.firings[0]?.runId ? now : undefined;
      },
      { intervalMs: 250, what: 'the firing' },
    );
    expect(fired).toMatchObject({
      groups: [{ group: 'web1', phase: 'firing' }],
      firings: [{ number: 1, events: 2 }],
      counts: { events: 2, duplicates: 1, firings: 1 },
    });
    const approve = (...words: string[]): Promise<{ code: number | null; value: unknown }> =>
      checkout.json(['approve', 'rule-cpu', '--yes', ...words]);
    await waitFor(async () => ((await approve('--as', 'ann', '--field', 'pause=10ms')).code === 3 ? true : undefined), {
      intervalMs: 250,
      what: 'the refusal of the one who applied the rule',
    });
    expect(await approve('--as', 'bob')).toMatchObject({
      code: 3,
      value: { error: { message: expect.stringContaining('asks for "pause"') as string } },
    });
    expect(await approve('--as', 'bob', '--field', 'pause=10ms')).toMatchObject({ code: 0 });
    await waitFor(async () => ((await show()).firings[0]?.state === 'succeeded' ? true : undefined), {
      intervalMs: 250,
      what: 'the end of the run',
    });
  });

  it('is listed, paused, resumed, put in force in another version, and deleted', async () => {
    await ok('rules', 'pause', 'cpu', '--reason', 'maintenance');
    expect(await ok('rules', 'list')).toMatchObject([{ name: 'cpu', isPaused: true }]);
    await ok('rules', 'resume', 'cpu');
    const { digest } = await show();
    await writeFile(join(checkout.folder, 'cpu.yaml'), rule('event.cpu > 95'));
    await ok('rules', 'apply', 'cpu.yaml');
    expect((await show()).digest).not.toBe(digest);
    await ok('rules', 'delete', 'cpu', '--reason', 'the test is over');
    expect(await checkout.json(['rules', 'show', 'cpu'])).toMatchObject({ code: 2 });
    expect(await checkout.json(['rules', 'send-event', 'cpu', '--set', 'cpu=1'])).toMatchObject({ code: 2 });
    await ok('rules', 'apply', 'cpu.yaml');
    expect((await show()).counts.firings).toBe(0);
    await ok('rules', 'delete', 'cpu', '--reason', 'the test is over');
  });
});

import type { TerraformResult } from '@switchyard/contracts';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, historyOf, openGateOf, openWorld, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const MB = 1024 * 1024;

/** Bytes of the largest payload or failure in a history. Temporal refuses more than 2 MB. */
async function largestEvent(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  return Math.max(...(events ?? []).map((event) => JSON.stringify(event).length));
}

/** A text of a megabyte. A range has at most 1,024 numbers. */
const MEGABYTE = 'join("", [for i in range(1024) : join("", [for j in range(64) : "0123456789abcdef"])])';

describe('a plan of more than 4 MB', () => {
  it('is shown by its summary, approved and applied', async () => {
    const stack = await world.stack('large-plan', {
      'main.tf': `
resource "terraform_data" "x" {
  count = 150
  input = join("-", [count.index, join("", [for i in range(1024) : "0123456789abcdef0123456789abcdef"])])
}`,
    });
    const handle = await world.start({ stack: { path: stack }, approval: { required: 1 } });
    const gate = await openGateOf(handle);
    expect(gate.shown?.[0]).toBe('Plan: 150 to add, 0 to change, 0 to destroy');
    expect(gate.shown?.at(-1)).toMatch(/^\.\.\. and \d+ more lines in the events of the run$/);
    await approve(handle);
    expect(await handle.result()).toMatchObject({ applied: true, changes: { add: 150 } });
    expect(await largestEvent(handle)).toBeLessThan(MB);
  });
});

describe('outputs that are larger than a payload', () => {
  it('are kept as artifacts, and the result has the small ones', async () => {
    const stack = await world.stack('large-outputs', {
      'main.tf': `
locals { megabyte = ${MEGABYTE} }
resource "terraform_data" "x" { input = "one" }
output "big" { value = [local.megabyte, local.megabyte, local.megabyte] }
output "hidden" {
  value     = local.megabyte
  sensitive = true
}
output "small" { value = terraform_data.x.output }
`,
    });
    const handle = await world.start({ stack: { path: stack }, approval: { required: 1 } });
    await approve(handle);
    const result = (await handle.result()) as TerraformResult;
    expect(result.outputs).toMatchObject({
      small: { value: 'one', sensitive: false },
      hidden: { ref: expect.stringMatching(/^sha256:/) as string, sensitive: true },
      big: { ref: expect.stringMatching(/^sha256:/) as string, sensitive: false },
    });
    const { ref, bytes } = result.outputs['big'] as { ref: string; bytes: number };
    const artifact = await world.store.readArtifact({ digest: ref });
    expect(artifact.byteLength).toBe(bytes);
    const { output, value } = JSON.parse(artifact.toString('utf8')) as { output: string; value: string[] };
    expect(output).toBe('big');
    expect(value.map((text) => text.length)).toEqual([MB, MB, MB]);

    expect(await largestEvent(handle)).toBeLessThan(MB);
    expect(await historyOf(handle)).not.toContain('0123456789abcdef'.repeat(10));
    // Nor do events hold the long line in which the tool prints them.
    const events = await world.events(handle.workflowId);
    expect(JSON.stringify(events)).not.toContain('0123456789abcdef'.repeat(300));
  });

  it('keep their reference when nothing has changed', async () => {
    const stack = await world.stack('large-again', {
      'main.tf': `output "big" { value = ${MEGABYTE} }`,
    });
    const first = await world.run({ stack: { path: stack } });
    const again = await world.run({ stack: { path: stack } });
    expect(again).toMatchObject({ applied: false, outputs: first.outputs });
    expect(first.outputs['big']).toMatchObject({ sensitive: false, bytes: expect.any(Number) as number });
  });
});

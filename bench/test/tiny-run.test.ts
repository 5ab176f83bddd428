import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { BenchmarkDocument } from '../src/document.ts';

const run = promisify(execFile);
const program = (name: string): string => fileURLToPath(new URL(`../${name}.ts`, import.meta.url));

it('prints one JSON document per benchmark, with both sides of each pair', { timeout: 240_000 }, async () => {
  const { stdout } = await run(process.execPath, [program('run'), 'first-event', '--n', '1'], { timeout: 230_000 });
  const documents = JSON.parse(stdout) as BenchmarkDocument[];
  expect(documents).toHaveLength(1);
  const [document] = documents;
  expect(document).toMatchObject({ benchmark: 'first-event', machine: { cores: expect.any(Number) } });
  expect(document?.figures.map(({ name }) => name)).toEqual([
    'first line of runs logs -f',
    'first line of the bare tool',
    'first line that the tool itself caused',
  ]);
  for (const { value, unit } of document?.figures ?? []) {
    expect(unit).toBe('ms');
    expect(value).toBeGreaterThan(0);
  }
  expect(document?.load.before).toHaveLength(3);
});

it('refuses a benchmark that does not exist, and names those that do', async () => {
  const refused = run(process.execPath, [program('run'), 'frist-event']);
  await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('first-event') as string });
});

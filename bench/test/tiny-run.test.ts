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

it('measures a fan-out of a few items, all of which are done', { timeout: 240_000 }, async () => {
  const { stdout } = await run(process.execPath, [program('for-each'), '--n', '10'], { timeout: 230_000 });
  const { figures, details } = JSON.parse(stdout) as BenchmarkDocument;
  expect(figures.map(({ unit }) => unit)).toEqual(['ms', 'ms']);
  expect(details['runs']).toHaveLength(3);
});

it('measures a schema change and its stream on a table that is next to nothing', { timeout: 240_000 }, async () => {
  const args = [program('schema-change'), '--n', '1', '--parts', 'hot,stream'];
  const { stdout } = await run(process.execPath, args, { timeout: 230_000 });
  const { figures, details } = JSON.parse(stdout) as BenchmarkDocument;
  const valueOf = (name: string): number | undefined => figures.find((figure) => figure.name === name)?.value;
  expect(valueOf('room in the pages, Switchyard: backfill')).toBeGreaterThan(0);
  expect(valueOf('room in the pages, Switchyard: failed writes')).toBe(0);
  expect(valueOf('room in the pages, Switchyard: wrong rows')).toBe(0);
  expect(valueOf('stream: rows written for 1000 repeated changes')).toBe(0);
  expect(valueOf('stream: wrong rows at the end')).toBe(0);
  // Built or left out with a word: never left out in silence.
  expect(details['pgroll']).toMatch(/^0\.16\.2$|left out|not built/);
});

it('refuses a part of a benchmark that does not exist, and names those that do', async () => {
  const refused = run(process.execPath, [program('schema-change'), '--parts', 'steam']);
  await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('stream') as string });
});

it('refuses a benchmark that does not exist, and names those that do', async () => {
  const refused = run(process.execPath, [program('run'), 'frist-event']);
  await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('first-event') as string });
});

import { readFileSync } from 'node:fs';
import { abortPlan, readChangeYaml, type Catalog, type Reached } from '@switchyard/schema-change';
import pc from 'picocolors';
import { expect, it } from 'vitest';
import { changePage } from '../scripts/change-page.ts';
import { renderAbort } from '../src/schema-change/render-abort.ts';

const text = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

it('docs/schema-change/spec.md says what the schema says', () => {
  expect(text('docs/schema-change/spec.md')).toBe(changePage());
});

const EXAMPLE = 'examples/schema-changes/users-name-split.yaml';
const shown = [
  ...text('docs/schema-change/abort.md').matchAll(/<!-- abort: (\w+) -->\n\n```text\n([\s\S]*?)\n```/g),
].map(([, reached = '', block = '']) => [reached as Reached, block] as const);

it('docs/schema-change/abort.md has a preview for each phase', () => {
  expect(shown.map(([reached]) => reached)).toEqual([
    'backfilling',
    'cutoverGate',
    'dualWriting',
    'coolingDown',
    'dropping',
  ]);
});

it.each(shown)('docs/schema-change/abort.md shows what an abort does while %s', (reached, block) => {
  const { change } = readChangeYaml(text(EXAMPLE), EXAMPLE);
  if (!change) throw new Error(`${EXAMPLE} is no change`);
  // All that the plan of an abort asks of a catalog: which old columns are NOT NULL.
  const catalog = { columns: [{ name: 'name', notNull: true }] } as unknown as Catalog;
  const preview = abortPlan({ state: reached, reached }, change, catalog);
  expect(renderAbort(preview, { color: pc.createColors(false), width: 100 }).join('\n')).toBe(block);
});

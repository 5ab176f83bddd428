import { readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import pc from 'picocolors';
import { expect, it } from 'vitest';
import { explainRun } from '../src/runs/explain/explain-run.js';
import { renderExplanation } from '../src/runs/explain/render-explanation.js';
import { eventsOf, readHistory, type History } from '../src/runs/history/read-history.js';
import { renderExecution, replayVerdict } from '../src/runs/replay/render-replay.js';
import { toldEvents } from '../src/runs/replay/told-events.js';

const text = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = text('docs/runs.md');
const paint = { color: pc.createColors(false), width: 100 };

/** The block of the page that shows what a kind of output is for a history that a real run wrote. */
function shown(kind: 'explain' | 'replay'): { readonly block: string; readonly history: History } {
  const [, name = '', block = ''] =
    new RegExp(`<!-- ${kind}: ([\\w-]+) -->\\n\\n\`\`\`text\\n([\\s\\S]*?)\\n\`\`\``).exec(page) ?? [];
  // The page calls the run by a name that says something.
  const json = text(`apps/coordinator/test/histories/${name}.json`).replaceAll('book-0e234144', 'release-7');
  return { block, history: historyFromJSON(JSON.parse(json) as unknown) };
}

it('docs/runs.md shows a real failed run as explain tells it', () => {
  const { block, history } = shown('explain');
  const read = readHistory(history);
  const run = {
    ...read,
    workflowId: 'release-7',
    children: read.children.map((child) => ({ ...child, facts: null })),
    events: [],
    status: null,
    pending: [],
    untakenSince: null,
  };
  const now = new Date();
  const lines = renderExplanation(explainRun({ run, locks: [], missing: [] }, now), paint, now);
  expect(lines.join('\n')).toBe(block);
});

it('docs/runs.md shows the replay of the same run', () => {
  const { block, history } = shown('replay');
  const execution = {
    workflowId: 'release-7',
    runId: '',
    type: readHistory(history).type,
    depth: 0,
    events: eventsOf(history).length,
    outcome: 'deterministic',
    difference: null,
    reason: '',
  } as const;
  const told = toldEvents(history);
  expect([...renderExecution({ ...execution, told }, paint), replayVerdict([execution])].join('\n')).toBe(block);
});

it('docs/runs.md lists every file of a pack', () => {
  const listed = [...page.matchAll(/^\| `([\w.]+\.jsonl?)`/gm)].map(([, name]) => name);
  const written = [...text('apps/cli/src/runs/export/collect-evidence.ts').matchAll(/'([\w]+\.jsonl?)'/g)];
  expect(new Set(listed)).toEqual(new Set(['manifest.json', ...written.map(([, name]) => name)]));
});

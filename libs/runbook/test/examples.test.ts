import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatFileProblem, parseRunbookYaml } from '../src/index.js';

const folder = fileURLToPath(new URL('../../../examples/runbooks/', import.meta.url));
const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));

describe('the example runbooks', () => {
  it('are there', () => {
    expect(files).toEqual(
      expect.arrayContaining(['simple.yaml', 'staging-approval-production.yaml', 'cross-team-call.yaml']),
    );
  });

  it.each(files)('have no problem: %s', async (name) => {
    const { runbook, problems } = parseRunbookYaml(await readFile(`${folder}${name}`, 'utf8'), name);
    expect(problems.map(formatFileProblem)).toEqual([]);
    expect(`${runbook?.metadata.name}.yaml`).toBe(name);
  });
});

/** The fenced YAML of the task pages, so that what they show is what works. */
describe('the task pages', () => {
  const problemsOf = (runbooks: readonly string[], page: string): string[] =>
    runbooks.flatMap((text) => parseRunbookYaml(text, page).problems.map(formatFileProblem));
  const fenced = async (page: string, start: string): Promise<string[]> => {
    const text = await readFile(fileURLToPath(new URL(`../../../${page}`, import.meta.url)), 'utf8');
    return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map(([, block]) => block ?? '')
      .filter((block) => block.startsWith(start));
  };

  it('show runbooks without a problem: docs/runbooks.md', async () => {
    const runbooks = await fenced('docs/runbooks.md', 'apiVersion');
    expect(runbooks.length).toBeGreaterThan(0);
    expect(problemsOf(runbooks, 'docs/runbooks.md')).toEqual([]);
  });

  it('show steps without a problem: docs/integrations.md', async () => {
    const head = 'apiVersion: switchyard.dev/v1\nkind: Runbook\nmetadata: { name: shown }\nsteps:\n';
    const runbooks = (await fenced('docs/integrations.md', '- id:')).map((steps) => head + steps);
    expect(runbooks.length).toBeGreaterThan(0);
    expect(problemsOf(runbooks, 'docs/integrations.md')).toEqual([]);
  });
});

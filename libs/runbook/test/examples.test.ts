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
describe('the runbooks of the pages', () => {
  it.each(['docs/runbooks.md', 'docs/inventories.md'])('have no problem: %s', async (name) => {
    const page = await readFile(fileURLToPath(new URL(`../../../${name}`, import.meta.url)), 'utf8');
    const runbooks = [...page.matchAll(/```yaml\n(apiVersion[\s\S]*?)```/g)].map(([, text]) => text ?? '');
    expect(runbooks.length).toBeGreaterThan(0);
    const found = runbooks.flatMap((text) => parseRunbookYaml(text, name).problems.map(formatFileProblem));
    expect(found).toEqual([]);
  });
});

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatFileProblem, parseEventRuleYaml, parseRunbookYaml } from '../src/index.js';

const repository = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
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
    const text = await readFile(repository(page), 'utf8');
    return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map(([, block]) => block ?? '')
      .filter((block) => block.startsWith(start));
  };

  it.each(['docs/runbooks.md', 'docs/approvals.md', 'docs/inventories.md', 'docs/playbooks.md'])(
    'show runbooks without a problem: %s',
    async (page) => {
      const runbooks = await fenced(page, 'apiVersion');
      expect(runbooks.length).toBeGreaterThan(0);
      expect(problemsOf(runbooks, page)).toEqual([]);
    },
  );

  it('show steps without a problem: docs/integrations.md', async () => {
    const head = 'apiVersion: switchyard.dev/v1\nkind: Runbook\nmetadata: { name: shown }\nsteps:\n';
    const runbooks = (await fenced('docs/integrations.md', '- id:')).map((steps) => head + steps);
    expect(runbooks.length).toBeGreaterThan(0);
    expect(problemsOf(runbooks, 'docs/integrations.md')).toEqual([]);
  });
});

/** The problems of a rule, and of the runbook that its path names. */
async function problemsOfRule(text: string, file: string): Promise<string[]> {
  const parsed = parseEventRuleYaml(text, file);
  const problems = parsed.problems.map(formatFileProblem);
  if (!parsed.rule || typeof parsed.rule.runbook !== 'string') return problems;
  const path = new URL(parsed.rule.runbook, repository(file));
  const { runbook } = parseRunbookYaml(await readFile(path, 'utf8'), parsed.rule.runbook);
  return runbook ? [...problems, ...parsed.withRunbook(runbook).problems.map(formatFileProblem)] : ['no runbook'];
}

describe('the event rules of the examples and of docs/event-rules.md', () => {
  it('have no problem, and fit the runbooks that they name', async () => {
    const names = (await readdir(repository('examples/event-rules/'))).filter((name) => name.endsWith('.yaml'));
    expect(names).toContain('cpu-scale-out.yaml');
    for (const name of names) {
      const file = `examples/event-rules/${name}`;
      expect(await problemsOfRule(await readFile(repository(file), 'utf8'), file)).toEqual([]);
    }
    const page = await readFile(repository('docs/event-rules.md'), 'utf8');
    const rules = [...page.matchAll(/```yaml\n(apiVersion[\s\S]*?)```/g)].map(([, text]) => text ?? '');
    expect(rules).toHaveLength(1);
    for (const rule of rules) expect(await problemsOfRule(rule, 'docs/event-rules.md')).toEqual([]);
  });
});

import { formatProblem } from '@switchyard/yaml-file';
import { describe, expect, it } from 'vitest';
import { parseRunbookYaml } from './yaml.js';

const head = `apiVersion: switchyard.dev/v1
kind: Runbook
metadata: { name: x }
`;
const problems = (body: string): string[] => parseRunbookYaml(head + body, 'x.yaml').problems.map(formatProblem);

describe('parseRunbookYaml', () => {
  it('reads a good runbook without a word', () => {
    const { runbook, problems: found } = parseRunbookYaml(
      `${head}steps:\n  - { id: a, uses: wait, with: { for: 1s } }\n`,
      'x.yaml',
    );
    expect(found).toEqual([]);
    expect(runbook?.steps[0]?.id).toBe('a');
  });
  it('gives line and column of YAML that does not parse', () => {
    expect(problems('steps: [')[0]).toMatch(/^x\.yaml:4:\d+: YAML: /);
    expect(problems('steps: []\nsteps: []')[0]).toMatch(/^x\.yaml:5:1: YAML: Map keys must be unique/);
  });
  it('gives line and column of an unknown field, with the nearest known one', () => {
    expect(problems('steps:\n  - id: a\n    use: wait\n')).toEqual([
      'x.yaml:5:5: steps[0].uses: must be one of "ansible", "terraform", "database-migration", "schema-change", "kubernetes", "http", "health", "notify", "page", "ticket", "dns", "cmdb", "vm", "wait", "approval", "runbook", "workflow", got undefined',
      'x.yaml:6:5: steps[0].use: unknown field "use"; did you mean "uses"?',
    ]);
  });
  it('points at the need, the expression and the cycle that are wrong', () => {
    expect(
      problems(`steps:
  - { id: a, uses: wait, needs: [b], with: { for: 1s } }
  - id: b
    uses: ansible
    needs: [a, neework]
    when: inputs.env ==
    with:
      playbook: "\${{ inputs.book }}"
  - { id: network, uses: wait, with: { for: 1s } }
`),
    ).toEqual([
      'x.yaml:8:16: steps[1].needs[1]: there is no step "neework"; did you mean "network"?',
      'x.yaml:5:26: steps[0].needs: the steps wait for each other: a -> b -> a; remove one of these needs',
      'x.yaml:11:7: steps[1].with.playbook: "inputs.book": there is no input "book"; the runbook declares no inputs',
      'x.yaml:9:5: steps[1].when: "inputs.env ==" is not CEL: Unexpected token: EOF',
    ]);
  });
  it('refuses a text that is no runbook', () => {
    expect(parseRunbookYaml('- a', 'x.yaml').runbook).toBeNull();
    expect(parseRunbookYaml('', 'x.yaml').problems).toHaveLength(1);
    const bomb = `a: &a [x]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]`;
    expect(parseRunbookYaml(bomb, 'x.yaml').problems[0]?.message).toMatch(/alias/i);
  });
});

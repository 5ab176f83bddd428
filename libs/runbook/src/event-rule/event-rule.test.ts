import { eventRuleSchema, runbookSchema, type EventRule } from '@switchyard/contracts';
import { formatProblem } from '@switchyard/yaml-file';
import { describe, expect, it } from 'vitest';
import { answeredEvents, firingInputs, readEvent, type FiringView } from './evaluate-event.js';
import { parseEventRuleYaml } from './parse-event-rule.js';

const head = `apiVersion: switchyard.dev/v1
kind: EventRule
metadata: { name: cpu }
`;
const book = runbookSchema.parse({
  apiVersion: 'switchyard.dev/v1',
  kind: 'Runbook',
  metadata: { name: 'scale-out' },
  inputs: { host: { type: 'string' }, count: { type: 'integer', default: 1 } },
  steps: [{ id: 'a', uses: 'wait', with: { for: '1s' } }],
});
const rule = (more: object): EventRule =>
  eventRuleSchema.parse({
    apiVersion: 'switchyard.dev/v1',
    kind: 'EventRule',
    metadata: { name: 'cpu' },
    when: 'event.cpu > 90',
    runbook: book,
    ...more,
  });
const problems = (body: string): string[] => parseEventRuleYaml(head + body, 'cpu.yaml').problems.map(formatProblem);

describe('parseEventRuleYaml', () => {
  it('reads a good rule, and fits it to the runbook that its path names', () => {
    const parsed = parseEventRuleYaml(
      `${head}when: event.cpu > 90
groupBy: event.host
for: 5m
maxPer: { count: 3, window: 1h }
runbook: scale-out.yaml
inputs: { host: '\${{ firing.group }}', cuont: 2 }
`,
      'cpu.yaml',
    );
    expect(parsed.problems).toEqual([]);
    expect(parsed.rule).toMatchObject({ for: 300_000, cooldown: 300_000, runbook: 'scale-out.yaml' });
    if (!parsed.rule) throw new Error('no rule');
    expect(parsed.withRunbook(book).problems.map(formatProblem)).toEqual([
      'cpu.yaml:9:40: inputs.cuont: runbook "scale-out" has no input "cuont"; did you mean "count"?',
    ]);
  });

  it('names line and column of unknown fields, values and YAML that cannot be read', () => {
    expect(problems('when: "true"\nrunbook: a.yaml\ncooldwon: 5m\n')).toEqual([
      'cpu.yaml:6:1: cooldwon: unknown field "cooldwon"; did you mean "cooldown"?',
    ]);
    expect(problems('when: "true"\nrunbook: a.yaml\nfor: soon\n')[0]).toMatch(
      /^cpu.yaml:6:1: for: "soon" is not a duration/,
    );
    expect(problems('when: "true\n')[0]).toMatch(/YAML/);
  });

  it('finds expressions that do not parse, speak of what is not there, or give the wrong type', () => {
    expect(problems('when: event.cpu >\nrunbook: a.yaml\n')[0]).toMatch(
      /^cpu.yaml:4:1: when: "event.cpu >" is not CEL/,
    );
    expect(problems('when: cpu > 90\nrunbook: a.yaml\n')[0]).toContain('Unknown variable: cpu');
    expect(problems('when: size(event)\nrunbook: a.yaml\n')[0]).toContain(
      'gives int, but a condition must be true or false',
    );
    expect(problems('when: "true"\ngroupBy: "[event.host]"\nrunbook: a.yaml\n')[0]).toContain('but a group is a text');
    expect(problems('when: "true"\nrunbook: a.yaml\ninputs: { a: "${{ firing.gruop }}" }\n')[0]).toContain(
      'cpu.yaml:6:11: inputs.a: "firing.gruop": a firing has no "gruop"; did you mean "group"?',
    );
    expect(problems('when: "true"\nrunbook: a.yaml\npoll: { url: "http://x/", events: "event.body" }\n')[0]).toContain(
      'Unknown variable: event',
    );
  });

  it('checks a runbook that is written in the rule', () => {
    const found = problems(`when: "true"
runbook:
  apiVersion: switchyard.dev/v1
  kind: Runbook
  metadata: { name: y }
  inputs: { host: { type: string } }
  steps:
    - { id: a, uses: wait, needs: [b], with: { for: 1s } }
`);
    expect(found[0]).toContain('runbook "y" needs the input "host" (string)');
    expect(found[1]).toMatch(/^cpu.yaml:11:36: runbook.steps\[0\].needs\[0\]: there is no step "b"/);
  });
});

describe('readEvent', () => {
  it('reads trouble and its end per group', () => {
    const byHost = rule({ groupBy: 'event.host' });
    expect(readEvent(byHost, { host: 'web1', cpu: 91 })).toEqual({ group: 'web1', verdict: 'trouble' });
    expect(readEvent(byHost, { host: 'web1', cpu: 90 })).toEqual({ group: 'web1', verdict: 'resolved' });
    expect(readEvent(rule({}), { cpu: 91 }).group).toBe('all');
    expect(readEvent(rule({ groupBy: 'event.port' }), { cpu: 1, port: 80 }).group).toBe('80');
  });

  it('with resolveOn leaves trouble alone until its end is told, which wins', () => {
    const until = rule({ resolveOn: 'event.cpu < 70 || event.?force.orValue(false)' });
    expect(readEvent(until, { cpu: 80 }).verdict).toBe('nothing');
    expect(readEvent(until, { cpu: 69 }).verdict).toBe('resolved');
    expect(readEvent(until, { cpu: 99, force: true }).verdict).toBe('resolved');
  });

  it('names the expression that an event does not fit', () => {
    expect(() => readEvent(rule({}), { load: 3 })).toThrow('when: cannot evaluate "event.cpu > 90": No such key: cpu');
    expect(() => readEvent(rule({ groupBy: 'event.tags' }), { cpu: 99, tags: [] })).toThrow('gives [], but a group is');
  });
});

describe('a look at a metric', () => {
  const prometheus = {
    status: 200,
    body: { data: { result: [{ metric: { instance: 'web1' }, value: [1, '91.5'] }] } },
  };

  it('gives an event per series of Prometheus', () => {
    const events = 'answer.body.data.result.map(r, {"host": r.metric.instance, "cpu": double(r.value[1])})';
    expect(answeredEvents({ events }, prometheus)).toEqual([{ host: 'web1', cpu: 91.5 }]);
  });

  it('gives one event where the answer is one, and refuses what is none', () => {
    expect(answeredEvents({ events: 'answer.body' }, { status: 200, body: { cpu: 1 } })).toEqual([{ cpu: 1 }]);
    expect(() => answeredEvents({ events: 'answer.body' }, { status: 200, body: 'x' })).toThrow('event 0 is no object');
  });
});

it('firingInputs fills the inputs of the runbook with what the events said', () => {
  const firing: FiringView = {
    number: 2,
    rule: 'cpu',
    group: 'web1',
    count: 3,
    since: '2026-01-01T00:00:00.000Z',
    at: '2026-01-01T00:05:00.000Z',
    first: { cpu: 91 },
    last: { cpu: 97 },
  };
  const inputs = { host: '${{ firing.group }}', text: '${{ firing.last.cpu }} % on ${{ firing.group }}', count: 2 };
  expect(firingInputs({ inputs }, firing)).toEqual({ host: 'web1', text: '97 % on web1', count: 2 });
});

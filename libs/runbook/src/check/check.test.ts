import { runbookSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { checkRunbook } from './check.js';

const wait = { uses: 'wait', with: { for: '1s' } };
const check = (steps: object[], rest: object = {}): string[] =>
  checkRunbook(
    runbookSchema.parse({ apiVersion: 'switchyard.dev/v1', kind: 'Runbook', metadata: { name: 'x' }, steps, ...rest }),
  ).map((p) => `${p.level === 'warning' ? 'warning ' : ''}${p.path}: ${p.message}`);

describe('checkRunbook', () => {
  it('finds an id that is used twice', () => {
    expect(
      check([
        { id: 'a', ...wait },
        { id: 'a', ...wait },
      ]),
    ).toEqual(['steps[1].id: "a" is already the id of steps[0]; ids must differ']);
  });
  describe('a secret input', () => {
    const inputs = { token: { type: 'string', secret: true }, host: { type: 'string' } };
    const call = (value: unknown): string[] =>
      check([{ id: 'a', uses: 'http', with: { url: 'http://x', headers: { authorization: value } } }], { inputs });

    it.each([
      'Bearer ${{ inputs.token }}',
      '${{ inputs["token"] }} ',
      '${{ inputs.host }}:${{ inputs.token }}',
      '${{ "Bearer " + inputs.token }}',
      '${{ "a" + ("b" + inputs.token) + "c" }}',
      '${{ {"x": "Bearer " + inputs.token} }}',
      'Bearer ${{ inputs.host == "a" ? inputs.token : "none" }}',
    ])('cannot be part of a text: %s', (value) => {
      expect(call(value)).toEqual([
        expect.stringMatching(
          /^steps\[0\]\.with\.headers\.authorization: the secret "token" cannot be part of a text: .* Write \$\{\{ inputs\.token \}\} alone/,
        ),
      ]);
    });

    it.each([
      '${{ inputs.token }}',
      '${{ inputs.host == "a" ? inputs.token : inputs.token }}',
      'Bearer ${{ inputs.host }}',
      'given: ${{ inputs.token != null }}',
    ])('may be handed on whole, and be asked about: %s', (value) => {
      expect(call(value)).toEqual([]);
    });

    it('is found in what undoes a step, in forEach and in a runbook within', () => {
      const text = 'x ${{ inputs.token }}';
      const inner = {
        apiVersion: 'switchyard.dev/v1',
        kind: 'Runbook',
        metadata: { name: 'y' },
        inputs,
        steps: [{ id: 'b', uses: 'http', with: { url: 'http://x', body: text } }],
      };
      const http = { uses: 'http', with: { url: 'http://x' } };
      const found = check(
        [
          { id: 'a', ...http, compensate: { uses: 'http', with: { url: text } } },
          { id: 'c', ...http, forEach: [text] },
          { id: 'd', uses: 'runbook', with: { runbook: inner, inputs: { host: text } } },
        ],
        { inputs },
      );
      expect(found.map((problem) => problem.split(': the secret')[0])).toEqual(
        expect.arrayContaining(['steps[0].compensate.with.url', 'steps[1].forEach[0]', 'steps[2].with.inputs.host']),
      );
      expect(found.some((problem) => problem.includes('steps[0].with.body'))).toBe(true);
    });
  });
  it('finds a step that needs itself', () => {
    expect(check([{ id: 'a', ...wait, needs: ['a'] }])[0]).toContain('a -> a');
  });
  it('finds a reference to a step that is not before', () => {
    expect(
      check([
        { id: 'a', ...wait },
        { id: 'b', ...wait, when: 'steps.a.outcome == "failed"' },
      ]),
    ).toEqual([
      'steps[1].when: "steps.a.outcome == "failed"": step "a" may not have run by then; add "a" to the needs of "b"',
    ]);
  });
  it('finds unknown steps, fields of steps and variables', () => {
    const found = check([
      { id: 'one', ...wait },
      { id: 'two-three', ...wait, needs: ['one'] },
      { id: 'c', ...wait, needs: ['one', 'two-three'], when: 'steps.oen.outcome == "x"' },
      { id: 'd', ...wait, needs: ['one'], when: 'steps.one.outputs.x == 1' },
      { id: 'e', ...wait, needs: ['one'], when: 'env == "prod"' },
      { id: 'f', ...wait, needs: ['two-three'], when: 'steps.two-three.outcome == "x"' },
    ]);
    expect(found).toEqual([
      'steps[2].when: "steps.oen.outcome == "x"": there is no step "oen"; did you mean "one"?',
      'steps[3].when: "steps.one.outputs.x == 1": a step has result, outcome and error, no "outputs"; what a step gave is under steps.one.result',
      'steps[4].when: "env == "prod"": Unknown variable: env',
      expect.stringContaining('write steps["two-three"]'),
    ]);
  });
  it('finds item outside forEach, and allows it inside', () => {
    const body = { uses: 'ansible', with: { playbook: 'a.yml', limit: '${{ item.name }}' } };
    expect(check([{ id: 'a', ...body }])[0]).toContain('"item" is there only inside a step with forEach');
    expect(check([{ id: 'a', ...body, forEach: [{ name: 'x' }], when: 'index < 3 && item.name != ""' }])).toEqual([]);
    expect(check([{ id: 'a', ...body, forEach: '${{ item }}' }])[0]).toContain('steps[0].forEach');
  });
  it('does not take the variable of a macro for a name of the scope', () => {
    expect(check([{ id: 'a', ...wait, when: '[1, 2].exists(item, item == 2)' }])).toEqual([]);
  });
  it('checks `with` against the kind, and lets expressions stand for any type', () => {
    const inputs = { n: { type: 'integer', default: 3 } };
    expect(
      check(
        [{ id: 'a', uses: 'ansible', with: { playbok: '${{ inputs.n }}', forks: '${{ inputs.n }}', batchSize: 0 } }],
        { inputs },
      ),
    ).toEqual([
      'steps[0].with.batchSize: Too small: expected number to be >=1',
      'steps[0].with.playbok: unknown field "playbok"; did you mean "playbook"?',
    ]);
    expect(
      check([{ id: 'a', uses: 'ansible', with: { playbook: 'a.yml', inventory: { groups: '${{ inputs.n }}' } } }], {
        inputs,
      }),
    ).toEqual([]);
    expect(
      check([{ id: 'a', uses: 'health', with: { urls: ['${{ inputs.n }}'], within: 'soon' } }], { inputs })[0],
    ).toContain('"soon" is not a duration');
    expect(check([{ id: 'a', uses: 'wait', with: {} }])).toEqual(['steps[0].with: name one of `for` and `signal`']);
  });
  it('warns of a compensation that nothing can start', () => {
    const undo = { compensate: { uses: 'ansible', with: { playbook: 'undo.yml' } } };
    expect(check([{ id: 'a', ...wait, ...undo }])[0]).toMatch(/^warning steps\[0\].compensate: has no effect/);
    expect(check([{ id: 'a', ...wait, ...undo, onFailure: 'compensate' }])).toEqual([]);
    expect(check([{ id: 'a', ...wait, ...undo }], { onFailure: 'compensate' })).toEqual([]);
  });
  it('lets a compensation use the result of its own step, and nothing that runs later', () => {
    const compensate = (what: string): object => ({
      uses: 'http',
      with: { url: `http://x/\${{ ${what} }}`, method: 'DELETE' },
    });
    const steps = (what: string): object[] => [
      { id: 'a', ...wait, onFailure: 'compensate', compensate: compensate(what) },
      { id: 'b', ...wait, needs: ['a'] },
    ];
    expect(check(steps('steps.a.result.id'))).toEqual([]);
    expect(check(steps('steps.b.result.id'))[0]).toContain('step "b" may not have run by then');
  });
  it('finds a default that does not fit its input', () => {
    expect(
      check([{ id: 'a', ...wait }], {
        inputs: { env: { type: 'string', enum: ['a', 1], default: 'c' }, p: { type: 'string', pattern: '(' } },
      }),
    ).toEqual([
      'inputs.env.enum[1]: must be a string, got 1',
      'inputs.env.default: must be one of "a", 1, got "c"',
      expect.stringContaining('inputs.p.pattern: '),
    ]);
  });
  it('refuses what cannot be done per item, twice, or under a reserved name', () => {
    expect(check([{ id: 'a', uses: 'approval', with: { title: 'x' }, forEach: [1], retry: {} }])).toHaveLength(2);
    expect(check([{ id: 'a', uses: 'wait', with: { signal: 'abort' } }])[0]).toContain('fixed meaning');
    expect(check([{ id: 'a', uses: 'wait', with: { for: '1s' }, forEach: 3 }])[0]).toContain('must be a list');
  });
  it('checks a runbook inside a step', () => {
    const inner = {
      apiVersion: 'switchyard.dev/v1',
      kind: 'Runbook',
      metadata: { name: 'y' },
      steps: [{ id: 'z', ...wait, needs: ['q'] }],
    };
    expect(check([{ id: 'a', uses: 'runbook', with: { runbook: inner } }])).toEqual([
      'steps[0].with.runbook.steps[0].needs[0]: there is no step "q"; did you mean "z"?',
    ]);
    expect(check([{ id: 'a', uses: 'runbook', with: { runbook: { kind: 'x' } } }])[0]).toContain('is not a runbook');
  });
});

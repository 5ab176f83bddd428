import { runbookSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { resolveInputs } from './inputs.js';

const runbook = runbookSchema.parse({
  apiVersion: 'switchyard.dev/v1',
  kind: 'Runbook',
  metadata: { name: 'deploy' },
  inputs: {
    env: { type: 'string', enum: ['dev', 'prod'], default: 'dev' },
    release: { type: 'string', pattern: '\\d+\\.\\d+' },
    count: { type: 'integer', required: false },
    hosts: { type: 'array', default: [] },
    token: { type: 'string', secret: true, required: false },
  },
  steps: [{ id: 'a', uses: 'wait', with: { for: 1 } }],
});

describe('resolveInputs', () => {
  it('fills defaults, and gives null for an optional input without one', () => {
    expect(resolveInputs(runbook, { release: '1.4' })).toEqual({
      env: 'dev',
      release: '1.4',
      count: null,
      hosts: [],
      token: null,
    });
  });
  it('reports every problem at once', () => {
    expect(() => resolveInputs(runbook, { envi: 'x', env: 'test', count: 1.5, hosts: 'a' })).toThrow(
      'inputs.envi: runbook "deploy" has no input "envi"; did you mean "env"?; ' +
        'inputs.env: must be one of "dev", "prod", got "test"; inputs.release: is required (string); ' +
        'inputs.count: must be an integer, got 1.5; inputs.hosts: must be an array, got "a"',
    );
  });
  it('passes the name of a secret on, and never repeats what was given in its place', () => {
    const token = { $secret: 'deploy-token' };
    expect(resolveInputs(runbook, { release: '1.4', token })).toMatchObject({ token });
    const refuse = (): unknown => resolveInputs(runbook, { release: '1.4', token: 'hunter2' });
    expect(refuse).toThrow('inputs.token: must name a secret');
    expect(refuse).not.toThrow(/hunter2/);
  });
  it('matches a pattern against the whole value', () => {
    expect(() => resolveInputs(runbook, { release: 'v1.4' })).toThrow(/release: must match/);
  });
});

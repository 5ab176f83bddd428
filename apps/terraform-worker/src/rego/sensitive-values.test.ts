import { describe, expect, it } from 'vitest';
import { sensitiveValues } from './sensitive-values.js';

describe('sensitiveValues', () => {
  it('finds what is marked in changes, in whole and in part', () => {
    const change = {
      before: { a: 'before-a', b: 'open' },
      before_sensitive: { a: true },
      after: { list: ['open', { deep: 'after-deep', port: 54321 }], all: { x: 'after-x', y: ['after-y'] } },
      after_sensitive: { list: [false, { deep: true, port: true }], all: true },
    };
    const plan = {
      resource_changes: [{ change }],
      output_changes: { o: { before: null, after: 'out', after_sensitive: true } },
    };
    expect(sensitiveValues(plan).toSorted()).toEqual(['54321', 'after-deep', 'after-x', 'after-y', 'before-a', 'out']);
  });

  it('finds what is marked in planned values, in the state before, and in child modules', () => {
    const resources = (value: string) => [
      { values: { input: value, open: 'open' }, sensitive_values: { input: true } },
    ];
    const plan = {
      planned_values: { root_module: { child_modules: [{ resources: resources('planned') }] } },
      prior_state: {
        values: {
          outputs: { token: { sensitive: true, value: { t: 'prior-out' } }, open: { sensitive: false, value: 'open' } },
        },
      },
    };
    expect(sensitiveValues(plan).toSorted()).toEqual(['planned', 'prior-out']);
  });

  it('finds variables that are declared sensitive', () => {
    const plan = {
      variables: { token: { value: 'var-token' }, zone: { value: 'open' } },
      configuration: { root_module: { variables: { token: { sensitive: true }, zone: {} } } },
    };
    expect(sensitiveValues(plan)).toEqual(['var-token']);
  });
});

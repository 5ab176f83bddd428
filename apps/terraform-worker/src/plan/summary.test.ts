import { describe, expect, it } from 'vitest';
import { planDocumentSchema } from './plan-document.js';
import { summariseChanges } from './summary.js';

const summary = (resource_changes: unknown[], output_changes: Record<string, unknown> = {}) =>
  summariseChanges(planDocumentSchema.parse({ resource_changes, output_changes }));

describe('summariseChanges', () => {
  it('shows counts, resources and the values that are set', () => {
    const lines = summary([
      {
        address: 'vm.a',
        change: {
          actions: ['create'],
          before: null,
          after: { size: 'small', note: null },
          after_unknown: { id: true },
        },
      },
      { address: 'vm.b', change: { actions: ['delete'], before: { size: 'big' }, after: null } },
    ]);
    expect(lines).toEqual(['Plan: 1 to add, 0 to change, 1 to destroy', '+ vm.a', '    size = "small"', '- vm.b']);
  });

  it('says which attribute forces a replacement, and why', () => {
    const lines = summary([
      {
        address: 'vm.a',
        action_reason: 'replace_because_cannot_update',
        change: {
          actions: ['delete', 'create'],
          before: { zone: 'a', tag: 'x' },
          after: { zone: 'b', tag: 'x' },
          replace_paths: [['zone']],
        },
      },
    ]);
    expect(lines).toEqual([
      'Plan: 1 to add, 0 to change, 1 to destroy (1 replaced)',
      '-/+ vm.a  # replace because cannot update',
      '    zone: "a" -> "b"  # forces replacement',
    ]);
  });

  it('hides sensitive values wherever they are marked', () => {
    const lines = summary(
      [
        {
          address: 'db.a',
          change: {
            actions: ['update'],
            before: { password: 'old-secret', users: [{ name: 'x', key: 'old-key' }], all: { a: 'hidden-1' } },
            after: { password: 'new-secret', users: [{ name: 'y', key: 'new-key' }], all: { a: 'hidden-2' } },
            before_sensitive: { password: true, users: [{ key: true }], all: true },
            after_sensitive: { password: true, users: [{ key: true }], all: true },
          },
        },
      ],
      {
        token: { actions: ['create'], after: 'out-secret', after_sensitive: true },
        plain: { actions: ['create'], after: 'shown' },
      },
    );
    const text = lines.join('\n');
    expect(text).not.toMatch(/secret"|old-key|new-key|hidden-|out-secret|old-secret|new-secret/);
    expect(text).toContain('password: (sensitive value) -> (sensitive value)');
    expect(text).toContain('"name":"y"');
    expect(text).toContain('+ output token = (sensitive value)');
    expect(text).toContain('+ output plain = "shown"');
  });

  it('hides every value of a resource that is sensitive as a whole', () => {
    const lines = summary([
      { address: 'db.a', change: { actions: ['create'], after: { password: 'hunter22' }, after_sensitive: true } },
    ]);
    expect(lines.join('\n')).not.toContain('hunter22');
  });

  it('cuts a plan that nobody could read through', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ address: `vm.a[${i}]`, change: { actions: ['delete'] } }));
    const lines = summary(many);
    expect(lines.length).toBeLessThan(160);
    expect(lines.at(-1)).toBe('... and 350 more lines in the events of the run');
  });
});

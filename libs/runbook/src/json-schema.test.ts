import { describe, expect, it } from 'vitest';
import { runbookJsonSchema } from './json-schema.js';

describe('runbookJsonSchema', () => {
  const schema = runbookJsonSchema();
  const defs = schema['$defs'] as Record<string, { properties?: Record<string, unknown> }>;

  it('brings the schema of `with` for each kind of step', () => {
    expect(Object.keys(defs)).toEqual(
      expect.arrayContaining(['with-ansible', 'with-terraform', 'with-wait', 'with-workflow']),
    );
    expect(Object.keys(defs['with-terraform']?.properties ?? {})).toEqual(
      expect.arrayContaining(['stack', 'workspace', 'vars']),
    );
  });
  it('lets an expression stand for a value of any type', () => {
    expect(defs['with-ansible']?.properties?.['check']).toMatchObject({
      anyOf: [{ type: 'boolean' }, { type: 'string', pattern: String.raw`\$\{\{` }],
    });
  });
  it('points only at definitions that it holds', () => {
    const refs = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)].map(([, name]) => name);
    expect(refs.length).toBeGreaterThan(10);
    expect(refs.filter((name) => name === undefined || !Object.hasOwn(defs, name))).toEqual([]);
  });
});

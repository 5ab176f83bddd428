import { readFileSync } from 'node:fs';
import { terraformDriftInputSchema, terraformInputSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';

const examplesOf = (page: string): string[] => {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, example = '']) => example);
};

describe.each([
  ['stacks.md', terraformInputSchema],
  ['drift.md', terraformDriftInputSchema],
] as const)('docs/%s', (page, schema) => {
  it('has examples', () => expect(examplesOf(page).length).toBeGreaterThan(0));

  it.each(examplesOf(page))('shows an input that is taken: %s', (example) => {
    expect(schema.safeParse(JSON.parse(example)).error).toBeUndefined();
  });
});

import { readFileSync } from 'node:fs';
import { kubernetesInputSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';

const text = readFileSync(new URL('../../../docs/kubernetes.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, example = '']) => example);

describe('docs/kubernetes.md', () => {
  it('has examples', () => expect(examples.length).toBeGreaterThan(0));

  it.each(examples)('shows an input that is taken: %s', (example) => {
    expect(kubernetesInputSchema.safeParse(JSON.parse(example)).error).toBeUndefined();
  });
});

import { readFileSync } from 'node:fs';
import { terraformInputSchema } from '@switchyard/contracts';
import { expect, it } from 'vitest';

const page = readFileSync(new URL('../../../docs/stacks.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, text = '']) => text);

it('docs/stacks.md has examples', () => expect(examples.length).toBeGreaterThan(1));

it.each(examples)('docs/stacks.md shows an input that is taken: %s', (text) => {
  expect(terraformInputSchema.safeParse(JSON.parse(text)).error).toBeUndefined();
});

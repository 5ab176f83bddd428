import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generatedFiles } from '../scripts/generated-files.ts';

it.each(Object.entries(generatedFiles()))('%s says what the contract says', (path, content) => {
  expect(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')).toBe(content);
});

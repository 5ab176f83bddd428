import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cliPage } from '../scripts/cli-page.ts';

it('docs/cli.md says what the program says', async () => {
  expect(readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')).toBe(await cliPage());
});

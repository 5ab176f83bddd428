import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** The packages that an entry loads at run time, through all of our files. */
function packagesOf(entry: string): Set<string> {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, 'utf8');
    for (const [, types, name] of source.matchAll(/^(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)';/gms)) {
      if (types || !name) continue;
      if (name.startsWith('.')) visit(resolve(dirname(file), name.replace(/\.js$/, '.ts')));
      else packages.add(name);
    }
  };
  visit(entry);
  return packages;
}

test('workflow code that imports the library loads no parser and nothing of Node', () => {
  expect([...packagesOf(join(import.meta.dirname, 'index.ts'))].toSorted()).toEqual([
    '@switchyard/contracts',
    '@switchyard/yaml-file',
    'zod',
  ]);
  expect(packagesOf(join(import.meta.dirname, 'parse.ts'))).toContain('libpg-query');
});

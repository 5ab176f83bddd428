// Writes what is generated from the contract: JSON Schema files for callers in other languages, and docs/failures.md.
// With --check it writes nothing and fails when a file is out of date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const stale: string[] = [];
for (const [path, content] of Object.entries(generatedFiles())) {
  const file = `${root}${path}`;
  let present = '';
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // Not there yet: it is written, or reported as out of date.
  }
  if (present === content) continue;
  stale.push(path);
  if (process.argv.includes('--check')) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}; run \`npm run generate -w @switchyard/contracts\``);
  process.exitCode = 1;
}

// Writes docs/cli.md from the program, and docs/schema-change/spec.md from the schema.
import { writeFileSync } from 'node:fs';
import { changePage } from './change-page.ts';
import { cliPage } from './cli-page.ts';

writeFileSync(new URL('../../../docs/cli.md', import.meta.url), await cliPage());
writeFileSync(new URL('../../../docs/schema-change/spec.md', import.meta.url), changePage());
